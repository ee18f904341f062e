// The newest certificate that was seen of each login session. A tunnel lives as long as its session is
// renewed: the certificate that opened it may expire, when a newer one of the same session has been shown
// since.
#pragma once

#include <mutex>
#include <string>
#include <unordered_map>

#include "base/clock.hpp"
#include "gateway/policy/identity.hpp"

namespace postern::gateway {

/// Thread-safe. Holds one entry for a session until its newest certificate has expired, so it is bounded by
/// what the CA issues.
class LoginSessions {
public:
    /// Notes an identity that authenticate() let pass. Returns the one to keep: an equal one that is already
    /// known is shared.
    IdentityPtr note(IdentityPtr identity);
    /// The newest certificate of the session of the same user; `identity` itself when none newer is known.
    IdentityPtr newest(const IdentityPtr& identity) const;
    /// Forgets sessions whose newest certificate expired before `time`.
    void forget_before(SystemTime time);
    std::size_t size() const;

private:
    mutable std::mutex mutex_;
    std::unordered_map<std::string, IdentityPtr> sessions_;
};

}  // namespace postern::gateway
