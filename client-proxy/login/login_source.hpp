// Where a session gets its login from, at the moment in which a local connection is accepted: not a timer but
// that moment decides whether the certificate is still good, so that a machine that slept is right at once.
#pragma once

#include <chrono>
#include <utility>

#include <boost/asio/awaitable.hpp>

#include "client-proxy/login/login.hpp"
#include "client-proxy/refusal/refusal.hpp"

namespace postern::client {

/// What is worth waiting for where the login is no longer good.
enum class WaitsFor {
    /// The CA's answer.
    renewal,
    /// And the person, where only a new login helps and somebody asks them for it: for sessions, behind
    /// which a program waits.
    person,
};

/// Thread-safe.
class LoginSource {
public:
    virtual ~LoginSource() = default;
    /// A login that is good now; waits for a renewal, at most `timeout`, only when there is none.
    virtual boost::asio::awaitable<Outcome<LoginPtr>> current(std::chrono::milliseconds timeout,
                                                              WaitsFor worth) = 0;
    /// The newest one, good or not; null when there is none.
    virtual LoginPtr latest() const = 0;
    /// Whether it waits for somebody, so that its end would have to wait as well.
    virtual bool is_busy() const { return false; }
};

/// Certificate files that somebody else looks after (`connect --cert --key`): shown as they are, never
/// renewed, judged by the gateway alone.
class FixedLogin final : public LoginSource {
public:
    explicit FixedLogin(LoginPtr login) : login_(std::move(login)) {}
    boost::asio::awaitable<Outcome<LoginPtr>> current(std::chrono::milliseconds timeout,
                                                      WaitsFor worth) override;
    LoginPtr latest() const override { return login_; }

private:
    LoginPtr login_;
};

}  // namespace postern::client
