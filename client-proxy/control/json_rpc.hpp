// JSON-RPC 2.0 with one object for each line, for both ends of the control socket. It does no I/O: bytes go
// in, messages and lines come out. Lines beyond a limit, batches, and parameters that are not an object are
// refused.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include <nlohmann/json.hpp>

#include "client-proxy/refusal/refusal.hpp"

namespace postern::client::control {

/// The most bytes of one line, without its newline.
constexpr std::size_t kMostRequestBytes = 64 * 1024;
constexpr std::size_t kMostAnswerBytes = 1024 * 1024;

/// The string member `key`. Empty when there is none, and when `object` is not an object.
std::string text_in(const nlohmann::json& object, const char* key);

/// Splits the received bytes into lines.
class LineReader {
public:
    explicit LineReader(std::size_t most_bytes) : most_bytes_(most_bytes) {}
    /// Adds bytes. Returns false once a line exceeds the limit; then the stream cannot be read any further.
    bool feed(std::string_view bytes);
    /// The next complete line, without its newline. Empty lines are skipped.
    std::optional<std::string> next();

private:
    std::size_t most_bytes_;
    std::string buffer_;
    /// The bytes before this offset contain no newline.
    std::size_t looked_at_ = 0;
};

/// The error codes of the JSON-RPC specification, section 5.1, and `refused` for what Postern itself refuses.
enum class ErrorCode : int {
    parse = -32700,
    invalid_request = -32600,
    unknown_method = -32601,
    invalid_parameters = -32602,
    internal = -32603,
    refused = -32000,
};

struct Error {
    ErrorCode code = ErrorCode::internal;
    std::string message;
    /// An object with reason, hint and connection_id; null when there is none.
    nlohmann::json data;
};

/// The error that tells a client of the refusal, with its reason.
Error error_of(const Refusal& refusal);
/// The refusal that an error tells of. An unknown reason becomes Code::internal.
Refusal refusal_of(const Error& error);
/// The refusal in the member `key` of a result (an object with reason, message, hint and connection_id); no
/// value when there is none.
std::optional<Refusal> refusal_in(const nlohmann::json& object, const char* key);
/// The reason in an error; empty when there is none.
std::string reason_word(const Error& error);
/// The Code for a reason that is finer than the name of a Code, such as login_required or port_in_use; no
/// value for all other words.
std::optional<Code> code_of_finer_reason(std::string_view word);

struct Request {
    /// A string, an integer, or null.
    nlohmann::json id;
    std::string method;
    nlohmann::json params = nlohmann::json::object();
};

/// A request that is answered with an error without being executed.
struct BadRequest {
    nlohmann::json id;
    Error error;
};

/// Returns the request, the answer to an invalid one, or nothing for a notification, because only the agent
/// sends notifications.
std::variant<std::monostate, Request, BadRequest> read_request(std::string_view line);

/// Lines to send, with their newline. Text that is not valid UTF-8 is replaced.
std::string request_line(std::uint64_t id, std::string_view method, const nlohmann::json& params);
std::string result_line(const nlohmann::json& id, const nlohmann::json& result);
std::string error_line(const nlohmann::json& id, const Error& error);
std::string notification_line(std::string_view method, const nlohmann::json& params);

/// The answer to a request.
struct Answer {
    /// The id of the request; 0 for an error that belongs to no single request.
    std::uint64_t id = 0;
    std::variant<nlohmann::json, Error> outcome;
};
struct Notification {
    std::string method;
    nlohmann::json params;
};
/// Returns an answer or a notification, or nothing when the line is neither.
std::variant<std::monostate, Answer, Notification> read_message(std::string_view line);

}  // namespace postern::client::control
