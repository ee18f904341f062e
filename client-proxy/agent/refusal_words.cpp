#include "client-proxy/agent/refusal_words.hpp"

namespace postern::client {

nlohmann::json error_json(const Refusal& refusal, const std::string& reason) {
    return {{"reason", reason},
            {"message", refusal.message},
            {"hint", refusal.hint},
            {"connection_id", refusal.connection_id}};
}

control::Reply port_refusal_reply(const Refusal& refusal) {
    return control::refusal_reply(refusal, refusal.code == Code::unauthenticated  ? "login_required"
                                           : refusal.code == Code::already_exists ? "port_in_use"
                                                                                  : "");
}

bool may_be_gateway(Code code) {
    return code == Code::unreachable || code == Code::end_of_stream || code == Code::timed_out ||
           code == Code::shutting_down;
}

}  // namespace postern::client
