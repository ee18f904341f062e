#include "http/problem.hpp"

#include <nlohmann/json.hpp>

#include "base/json.hpp"
#include "base/reason.hpp"

namespace postern::http {

using Json = nlohmann::json;

namespace {

constexpr std::string_view kTypePrefix = "urn:postern:problem:";

std::string text_member(const Json& object, const char* key) {
    const auto found = object.find(key);
    return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

}  // namespace

std::string to_json(const Problem& problem) {
    const std::string code(name(problem.code));
    Json body = {{"type", std::string(kTypePrefix) + code},
                 {"title", problem.title},
                 {"status", reason_of(problem.code).http_status},
                 {"code", code}};
    if (!problem.hint.empty()) {
        body["detail"] = problem.hint;
    }
    if (!problem.connection_id.empty()) {
        body["connection_id"] = problem.connection_id;
    }
    return json_text(body);
}

Result<Problem> problem_from_json(std::string_view body) {
    const Json parsed = parse_json(body);
    if (!parsed.is_object()) {
        return Failure{Code::malformed_request, "not a problem body"};
    }
    Problem problem;
    problem.title = text_member(parsed, "title");
    problem.hint = text_member(parsed, "detail");
    problem.connection_id = text_member(parsed, "connection_id");
    const std::string code = text_member(parsed, "code");
    if (problem.title.empty() || code.empty()) {
        return Failure{Code::malformed_request, "not a problem body"};
    }
    problem.code = code_named(code);
    return problem;
}

}  // namespace postern::http
