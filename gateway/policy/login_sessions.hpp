// Remembers the newest certificate of each login session. A tunnel may stay open as long as its session is
// renewed: the certificate that opened it may expire once a newer one of the same session has been shown.
#pragma once

#include <mutex>
#include <string>
#include <unordered_map>

#include "base/clock.hpp"
#include "gateway/policy/identity.hpp"

namespace postern::gateway {

/// Thread-safe. It holds one entry for each session until the session's newest certificate has expired, so
/// its size is bounded by what the CA issues.
class LoginSessions {
public:
    /// Records an identity that authenticate() has accepted. Returns the object to keep, which is the known
    /// one when it is of the same certificate, so that it is shared.
    IdentityPtr note(IdentityPtr identity);
    /// Returns the newest certificate of the same session and user, or `identity` itself when no newer one is
    /// known.
    IdentityPtr newest(const IdentityPtr& identity) const;
    /// Removes the sessions whose newest certificate expired before `time`.
    void forget_before(SystemTime time);
    std::size_t size() const;

private:
    mutable std::mutex mutex_;
    std::unordered_map<std::string, IdentityPtr> sessions_;
};

}  // namespace postern::gateway
