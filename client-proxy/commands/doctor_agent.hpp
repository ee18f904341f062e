// The parts of `postern doctor` that ask others than the CA service and the gateways: the agent that runs,
// what it knows and uses; and, before the first login, whether this machine's clock can be right.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "client-proxy/commands/diagnostic_report.hpp"
#include "pki/certificate.hpp"

namespace postern::client {

/// Where it is found, what it uses of the settings, whether what it holds is on the disk. Nothing is started
/// where none runs. What it knows against the login, which is then not worth a look of one's own.
std::optional<Refusal> check_agent(DiagnosticReport& report);

/// The clock against that of a CA service that nothing vouches for yet: good enough to tell a person, and for
/// nothing else.
void check_first_contact(DiagnosticReport& report, const std::string& url);

/// The same where a certificate is not valid by this machine's clock, so that the CA service is not trusted.
void check_claimed_clock(DiagnosticReport& report, const std::string& url);

/// Whether the pinned root is among them; whether it is valid `now` is another matter. Pure.
bool shows_root(const std::vector<pki::Certificate>& shown, const std::string& pin, SystemTime now);
/// Why a CA service is not trusted that shows these: another one, or the same one set up anew. Pure.
void judge_root(DiagnosticReport& report, const std::vector<pki::Certificate>& shown, const std::string& pin,
                SystemTime now);

/// `ahead`: of this machine's clock. Pure.
void judge_clock(DiagnosticReport& report, std::chrono::seconds ahead, const std::string& whose);

}  // namespace postern::client
