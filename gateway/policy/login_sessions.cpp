#include "gateway/policy/login_sessions.hpp"

namespace postern::gateway {

IdentityPtr LoginSessions::note(IdentityPtr identity) {
    const std::lock_guard lock(mutex_);
    IdentityPtr& known = sessions_[identity->login.session_id];
    if (known == nullptr) {
        known = identity;
        return identity;
    }
    if (known->login.fingerprint == identity->login.fingerprint) {
        return known;
    }
    // A session belongs to one user. A certificate of the same session with another user is an error of the
    // CA and extends nothing.
    if (known->login.name == identity->login.name && known->login.not_after < identity->login.not_after) {
        known = identity;
    }
    return identity;
}

IdentityPtr LoginSessions::newest(const IdentityPtr& identity) const {
    const std::lock_guard lock(mutex_);
    const auto found = sessions_.find(identity->login.session_id);
    const bool is_newer = found != sessions_.end() && found->second->login.name == identity->login.name &&
                          found->second->login.not_after > identity->login.not_after;
    return is_newer ? found->second : identity;
}

void LoginSessions::forget_before(SystemTime time) {
    const std::lock_guard lock(mutex_);
    std::erase_if(sessions_, [&](const auto& entry) { return entry.second->login.not_after < time; });
}

std::size_t LoginSessions::size() const {
    const std::lock_guard lock(mutex_);
    return sessions_.size();
}

}  // namespace postern::gateway
