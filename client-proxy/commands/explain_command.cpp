// postern --explain: the meaning of a reason, from the table that all programs share.
#include <string>
#include <vector>

#include <fmt/format.h>

#include "base/printed.hpp"
#include "base/reason.hpp"
#include "base/spelling.hpp"
#include "client-proxy/commands/commands.hpp"
#include "client-proxy/commands/terminal.hpp"
#include "client-proxy/control/json_rpc.hpp"

namespace postern::client {

namespace {

void tell(const Reason& reason) {
    say("{}\n  what happened  {}\n  what to do     {}\n  exit code      {}\n  SQLSTATE       {}\n"
        "  HTTP           {}, Proxy-Status: error={}\n",
        reason.name, reason.title, reason.hint, reason.exit_code, reason.sqlstate, reason.http_status,
        reason.proxy_error);
}

}  // namespace

int explain(const std::string& word) {
    std::vector<std::string> names;
    for (const Reason& reason : reasons()) {
        if (reason.name == word) {
            tell(reason);
            return 0;
        }
        names.emplace_back(reason.name);
    }
    if (word == "all") {
        for (const Reason& reason : reasons()) {
            tell(reason);
        }
        return 0;
    }
    if (const auto code = control::code_of_finer_reason(word)) {
        say("{}: the agent's word for a case of {}\n", word, name(*code));
        tell(reason_of(*code));
        return 0;
    }
    const std::string near = nearest_word(word, names);
    return fail_usage(fmt::format("there is no reason called '{}'{}", word,
                                  near.empty() ? std::string() : fmt::format("; did you mean '{}'?", near)),
                      "See them all: postern --explain all");
}

}  // namespace postern::client
