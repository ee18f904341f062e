// JSON-RPC 2.0, one object a line, as both ends of the control socket need it. Pure: bytes in, messages and
// lines out. Refuses lines past a bound, batches, and parameters that are no object.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include <nlohmann/json.hpp>

#include "client-proxy/refusal/refusal.hpp"

namespace postern::client::control {

/// Of one line, without its newline.
constexpr std::size_t kMostRequestBytes = 64 * 1024;
constexpr std::size_t kMostAnswerBytes = 1024 * 1024;

/// A member that is a string; empty otherwise, also when `object` is none.
std::string text_in(const nlohmann::json& object, const char* key);

/// Cuts what comes in into lines.
class LineReader {
public:
    explicit LineReader(std::size_t most_bytes) : most_bytes_(most_bytes) {}
    /// False once a line is longer than the bound: there is no way on from there.
    bool feed(std::string_view bytes);
    /// The next whole line, without newline; empty ones are left out.
    std::optional<std::string> next();

private:
    std::size_t most_bytes_;
    std::string buffer_;
    /// Up to here there is no newline.
    std::size_t looked_at_ = 0;
};

/// The codes of the JSON-RPC specification, section 5.1, and the one for what Postern itself refuses.
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
    /// reason, hint, connection_id; null when there is none.
    nlohmann::json data;
};

/// What the agent refuses, with the reason's word.
Error error_of(const Refusal& refusal);
/// The same on the other side; a reason that is not known there becomes Code::internal.
Refusal refusal_of(const Error& error);
/// A refusal that a result tells of under that key (reason, message, hint, connection_id); nothing where it has none.
std::optional<Refusal> refusal_in(const nlohmann::json& object, const char* key);
/// The reason's word of an error; empty when it has none.
std::string reason_word(const Error& error);
/// The Code of a word that is finer than a Code's name: login_required, port_in_use and others; nothing for every other word.
std::optional<Code> code_of_finer_reason(std::string_view word);

struct Request {
    /// A string, a number, or null.
    nlohmann::json id;
    std::string method;
    nlohmann::json params = nlohmann::json::object();
};

/// A request that is to be answered with an error at once.
struct BadRequest {
    nlohmann::json id;
    Error error;
};

/// A request, what to answer to a bad one, or nothing for a notification, which nobody but the agent sends.
std::variant<std::monostate, Request, BadRequest> read_request(std::string_view line);

/// Lines, each with its newline. Text that is not UTF-8 is replaced.
std::string request_line(std::uint64_t id, std::string_view method, const nlohmann::json& params);
std::string result_line(const nlohmann::json& id, const nlohmann::json& result);
std::string error_line(const nlohmann::json& id, const Error& error);
std::string notification_line(std::string_view method, const nlohmann::json& params);

/// What the agent says.
struct Answer {
    /// 0: of an error that is no request's alone.
    std::uint64_t id = 0;
    std::variant<nlohmann::json, Error> outcome;
};
struct Notification {
    std::string method;
    nlohmann::json params;
};
/// Nothing for what is neither.
std::variant<std::monostate, Answer, Notification> read_message(std::string_view line);

}  // namespace postern::client::control
