#include "client-proxy/control/json_rpc.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "base/json.hpp"
#include "base/reason.hpp"

namespace postern::client::control {

namespace {

using nlohmann::json;

constexpr std::size_t kMostIdBytes = 128;
constexpr std::size_t kMostMethodBytes = 64;

std::string line_of(const json& message) {
    return json_text(message) + "\n";
}

/// No valid message is deeper. The parser does not recurse, but code that works on its result does.
constexpr int kMostDepth = 16;

bool is_id(const json& id) {
    return id.is_null() || id.is_number_integer() ||
           (id.is_string() && id.get_ref<const std::string&>().size() <= kMostIdBytes);
}

}  // namespace

std::string text_in(const json& object, const char* key) {
    if (!object.is_object()) {
        return {};
    }
    const auto found = object.find(key);
    return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

bool LineReader::feed(std::string_view bytes) {
    buffer_.append(bytes);
    const auto newline = buffer_.find('\n', looked_at_);
    looked_at_ = newline == buffer_.npos ? buffer_.size() : newline;
    return looked_at_ <= most_bytes_;
}

std::optional<std::string> LineReader::next() {
    for (;;) {
        const auto newline = buffer_.find('\n', looked_at_);
        if (newline == buffer_.npos) {
            looked_at_ = buffer_.size();
            return std::nullopt;
        }
        std::string line = buffer_.substr(0, newline);
        buffer_.erase(0, newline + 1);
        looked_at_ = 0;
        if (line.ends_with('\r')) {
            line.pop_back();
        }
        if (!line.empty() && line.size() <= most_bytes_) {
            return line;
        }
    }
}

Error error_of(const Refusal& refusal) {
    json data = {{"reason", refusal.reason.empty() ? name(refusal.code) : refusal.reason}};
    if (!refusal.hint.empty()) {
        data["hint"] = refusal.hint;
    }
    if (!refusal.connection_id.empty()) {
        data["connection_id"] = refusal.connection_id;
    }
    return {ErrorCode::refused, refusal.message, std::move(data)};
}

std::string reason_word(const Error& error) {
    return text_in(error.data, "reason");
}

std::optional<Code> code_of_finer_reason(std::string_view word) {
    constexpr std::array<std::pair<std::string_view, Code>, 8> kFiner{{
        {"login_required", Code::unauthenticated},
        {"login_expired", Code::expired},
        {"bad_credentials", Code::unauthenticated},
        {"trust_required", Code::unauthenticated},
        {"service_not_listed", Code::policy_denied},
        {"gateway_contradicts", Code::wrong_server_identity},
        {"port_in_use", Code::already_exists},
        {"ca_unreachable", Code::unreachable},
    }};
    const auto found = std::ranges::find(kFiner, word, &std::pair<std::string_view, Code>::first);
    return found != kFiner.end() ? std::optional(found->second) : std::nullopt;
}

static Code code_of(std::string_view word) {
    return code_of_finer_reason(word).value_or(code_named(word));
}

Refusal refusal_of(const Error& error) {
    return {code_of(reason_word(error)), error.message, text_in(error.data, "hint"),
            text_in(error.data, "connection_id")};
}

std::optional<Refusal> refusal_in(const json& object, const char* key) {
    const auto found = object.find(key);
    if (found == object.end() || !found->is_object()) {
        return std::nullopt;
    }
    return Refusal{code_of(text_in(*found, "reason")), text_in(*found, "message"), text_in(*found, "hint"),
                   text_in(*found, "connection_id")};
}

std::variant<std::monostate, Request, BadRequest> read_request(std::string_view line) {
    json message = parse_json(line, kMostDepth);
    if (message.is_discarded()) {
        return BadRequest{nullptr, {ErrorCode::parse, "this is no JSON", nullptr}};
    }
    if (message.is_array()) {
        return BadRequest{nullptr, {ErrorCode::invalid_request, "batches are not taken", nullptr}};
    }
    const json id = message.is_object() && message.contains("id") ? message["id"] : json();
    const auto bad = [&](ErrorCode code, const char* why) {
        return BadRequest{is_id(id) ? id : json(), {code, why, nullptr}};
    };
    if (!message.is_object() || text_in(message, "jsonrpc") != "2.0") {
        return bad(ErrorCode::invalid_request, "this is no JSON-RPC 2.0 request");
    }
    if (!is_id(id)) {
        return bad(ErrorCode::invalid_request, "an id is a number or a short text");
    }
    Request request;
    request.method = text_in(message, "method");
    if (request.method.empty() || request.method.size() > kMostMethodBytes) {
        return bad(ErrorCode::invalid_request, "the method is missing");
    }
    if (!message.contains("id")) {
        return std::monostate();
    }
    if (message.contains("params") && !message["params"].is_null()) {
        if (!message["params"].is_object()) {
            return bad(ErrorCode::invalid_parameters, "params is an object");
        }
        request.params = std::move(message["params"]);
    }
    request.id = id;
    return request;
}

std::string request_line(std::uint64_t id, std::string_view method, const json& params) {
    return line_of({{"jsonrpc", "2.0"}, {"id", id}, {"method", method}, {"params", params}});
}

std::string result_line(const json& id, const json& result) {
    return line_of({{"jsonrpc", "2.0"}, {"id", id}, {"result", result}});
}

std::string error_line(const json& id, const Error& error) {
    json told = {{"code", static_cast<int>(error.code)}, {"message", error.message}};
    if (!error.data.is_null()) {
        told["data"] = error.data;
    }
    return line_of({{"jsonrpc", "2.0"}, {"id", id}, {"error", told}});
}

std::string notification_line(std::string_view method, const json& params) {
    return line_of({{"jsonrpc", "2.0"}, {"method", method}, {"params", params}});
}

std::variant<std::monostate, Answer, Notification> read_message(std::string_view line) {
    json message = parse_json(line, kMostDepth);
    if (!message.is_object() || text_in(message, "jsonrpc") != "2.0") {
        return std::monostate();
    }
    if (const std::string method = text_in(message, "method"); !method.empty()) {
        if (message.contains("id")) {
            return std::monostate();
        }
        return Notification{method, message.value("params", json::object())};
    }
    // An error that belongs to no single request has a null id (JSON-RPC 2.0, section 5).
    const bool is_about_all = message.contains("error") && message.contains("id") && message["id"].is_null();
    if (!is_about_all && (!message.contains("id") || !message["id"].is_number_unsigned())) {
        return std::monostate();
    }
    Answer answer;
    answer.id = is_about_all ? 0 : message["id"].get<std::uint64_t>();
    if (message.contains("error") && message["error"].is_object()) {
        const json& told = message["error"];
        Error error{ErrorCode::internal, text_in(told, "message"), told.value("data", json())};
        if (told.contains("code") && told["code"].is_number_integer()) {
            error.code = static_cast<ErrorCode>(told["code"].get<int>());
        }
        answer.outcome = std::move(error);
        return answer;
    }
    if (!message.contains("result")) {
        return std::monostate();
    }
    answer.outcome = std::move(message["result"]);
    return answer;
}

}  // namespace postern::client::control
