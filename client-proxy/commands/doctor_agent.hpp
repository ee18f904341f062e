// Parts of `postern doctor`: the check of the running agent, of what it knows and uses; and, when the CA
// cannot be trusted yet, the check whether this machine's clock can be right.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "client-proxy/commands/diagnostic_report.hpp"
#include "pki/certificate.hpp"

namespace postern::client {

/// Checks where the agent is found, which settings it uses, and whether its login is on disk. No agent is
/// started when none runs. Returns the agent's reason why the login does not work, in which case the caller
/// does not check the login itself.
std::optional<Refusal> check_agent(DiagnosticReport& report);

/// Compares this machine's clock with that of a CA service that is not trusted yet. The answer is good enough
/// to inform a person, and is used for nothing else.
void check_first_contact(DiagnosticReport& report, const std::string& url);

/// The same when the CA service is not trusted because its certificate is not valid by this machine's clock.
void check_claimed_clock(DiagnosticReport& report, const std::string& url);

/// Whether the pinned root is among the certificates, even if it is not valid at the time `now`. It does no
/// I/O.
bool shows_root(const std::vector<pki::Certificate>& shown, const std::string& pin, SystemTime now);
/// Reports why a CA service that shows these certificates is not trusted: it is another one, or the same one
/// was set up anew. It does no I/O.
void judge_root(DiagnosticReport& report, const std::vector<pki::Certificate>& shown, const std::string& pin,
                SystemTime now);

/// Reports the difference of the clocks. `ahead` is how far this machine's clock is ahead; `whose` names the
/// other clock. It does no I/O.
void judge_clock(DiagnosticReport& report, std::chrono::seconds ahead, const std::string& whose);

}  // namespace postern::client
