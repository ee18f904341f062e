#include "gateway/tunnel/answers.hpp"

#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/json.hpp"
#include "base/reason.hpp"

namespace postern::gateway {

namespace {

struct Words {
    std::string title;
    std::string hint;
};

Words words_of_certificate(Code code) {
    switch (code) {
        case Code::expired:
            return {"Your login certificate has expired.", "Log in again: postern login"};
        case Code::not_yet_valid:
            return {"Your login certificate is not valid yet.",
                    "Check the clock of your machine, then log in again."};
        case Code::malformed_certificate:
            return {"Your certificate is no Postern login certificate of this trust domain.",
                    "Log in again: postern login"};
        case Code::revoked:
            return {"Your login certificate has been revoked.",
                    "Ask your security team why; then log in again: postern login"};
        case Code::user_disabled:
            return {"Your account has been disabled.",
                    "Ask your security team; once it is enabled again, log in again: postern login"};
        case Code::session_ended:
            return {"Your login session has ended.", "Log in again: postern login"};
        default:
            return {
                "The gateway has no current list of revoked certificates that speaks of yours, so it does "
                "not let you in.",
                "The CA service may be down, or have a new key. Try again in a moment; then log in again: "
                "postern login"};
    }
}

Words words_of(Code code, std::string_view user, std::string_view service) {
    switch (code) {
        case Code::expired:
        case Code::not_yet_valid:
        case Code::malformed_certificate:
        case Code::revoked:
        case Code::user_disabled:
        case Code::session_ended:
        case Code::crl_stale:
            return words_of_certificate(code);
        case Code::policy_denied:
            return {
                fmt::format("{} may not use {}.", user, service),
                fmt::format(
                    "Ask your platform team for access to {}; if you have just been given it, log in again: postern login. "
                    "See what you may use with: postern services",
                    service)};
        case Code::unknown_service:
            return {fmt::format("This gateway has no service named {}.", service),
                    "See what you may use with: postern services"};
        case Code::limit_reached:
            return {"The gateway has as many connections as it may have: in all, to this service, of your address or of you.",
                    "Close connections that you do not need, and try again."};
        case Code::backend_unreachable:
            return {fmt::format("The gateway cannot reach the server of {}.", service),
                    "The database may be down. Try again in a moment, then tell your platform team."};
        case Code::backend_timed_out:
            return {fmt::format("The server of {} did not answer in time.", service),
                    "The database may be overloaded or down. Try again in a moment, then tell your platform "
                    "team."};
        case Code::backend_refused_tls:
            return {fmt::format("The server of {} refused TLS.", service),
                    "Its PostgreSQL must have ssl = on. Tell your platform team."};
        case Code::shutting_down:
            return {"The gateway is shutting down.", "Try again in a moment."};
        case Code::out_of_resources:
            return {"The gateway's machine has no file descriptors or memory left for this connection.",
                    "Try again in a moment, then tell your platform team: its log says which."};
        case Code::audit_unavailable:
            return {"The gateway cannot write its audit log, so it lets nobody in.",
                    "Tell your platform team."};
        case Code::malformed_request:
            return {"The gateway did not understand the request.",
                    "Ask with CONNECT <service>:<port> over HTTP/1.1."};
        case Code::request_too_large:
            return {"The request head is too large.", "Send fewer or shorter header fields."};
        case Code::timed_out:
            return {"The request did not come in time.", "Try again."};
        case Code::not_found:
            return {"There is no such thing here, or it is not yours.",
                    "Known are CONNECT <service>:<port>, GET /v1/services and GET /v1/connections/<id>."};
        // The common table of reasons speaks of the local machine, which is not the reader's.
        case Code::internal:
        case Code::io_failed:
        case Code::config_invalid:
            return {"The gateway failed.", "Try again; if it happens again, tell your platform team."};
        default:
            return {std::string(reason_of(code).title), std::string(reason_of(code).hint)};
    }
}

}  // namespace

http::Problem problem_of(Code code, const RefusalSubject& subject) {
    Words words = words_of(code, subject.user, subject.service);
    return http::Problem{code, std::move(words.title), std::move(words.hint),
                         std::string(subject.connection_id)};
}

std::string cut_message(Code code, std::string_view user, std::string_view service) {
    switch (code) {
        case Code::expired:
            return "Your login certificate has expired and was not renewed.";
        case Code::crl_stale:
            return "The gateway's list of revoked certificates no longer speaks of your login certificate.";
        case Code::policy_denied:
            return fmt::format("{} may no longer use {}.", user, service);
        case Code::timed_out:
            return fmt::format("The session with {} did not begin in time.", service);
        default:
            return words_of(code, user, service).title;
    }
}

http::Response refusal(const http::Problem& problem, std::string_view gateway) {
    http::Response response = http::problem_response(problem);
    response.set("Proxy-Status", fmt::format("\"{}\"; error={}; details=\"{}\"", gateway,
                                             reason_of(problem.code).proxy_error, name(problem.code)));
    if (!problem.connection_id.empty()) {
        response.set("Postern-Connection", problem.connection_id);
    }
    return response;
}

http::Response services_answer(const Policy& policy, const Identity& identity) {
    const pki::LoginIdentity& login = identity.login;
    auto services = nlohmann::json::array();
    for (const Service& service : policy.services()) {
        if (policy.allows(service.name, login.name, login.groups)) {
            services.push_back({{"name", service.name},
                                {"protocol", name(service.protocol)},
                                {"mode", name(service.mode)},
                                {"description", service.description},
                                {"database", service.database}});
        }
    }
    const nlohmann::json document{
        {"services", std::move(services)},
        {"identity",
         {{"name", login.name}, {"groups", login.groups}, {"not_after", format_time(login.not_after)}}}};
    return http::json_response(200, json_text(document));
}

http::Response connection_answer(std::string_view id, const ConnectionEntry& entry) {
    nlohmann::json document{{"id", id}, {"state", entry.is_open ? "open" : "closed"}};
    if (entry.reason) {
        document["reason"] = name(*entry.reason);
        document["message"] = cut_message(*entry.reason, entry.user, entry.service);
    }
    return http::json_response(200, json_text(document));
}

}  // namespace postern::gateway
