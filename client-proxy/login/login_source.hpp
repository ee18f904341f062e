// Where a session gets its login from when a local connection is accepted. The certificate is checked at that
// moment and not by a timer, so that the answer is right at once after the machine has slept.
#pragma once

#include <chrono>
#include <utility>

#include <boost/asio/awaitable.hpp>

#include "client-proxy/login/login.hpp"
#include "client-proxy/refusal/refusal.hpp"

namespace postern::client {

/// What a caller waits for when the login is no longer valid.
enum class WaitsFor {
    /// Waits for the answer of the CA.
    renewal,
    /// Also waits for the person to log in, when only a new login helps and a program asks them for it. This
    /// is for sessions, whose local program waits.
    person,
};

/// All functions are thread-safe.
class LoginSource {
public:
    virtual ~LoginSource() = default;
    /// A login that is valid now. It waits for a renewal, at most `timeout`, only when there is none. Errors:
    /// the reason why the login was not renewed; Code::timed_out.
    virtual boost::asio::awaitable<Outcome<LoginPtr>> current(std::chrono::milliseconds timeout,
                                                              WaitsFor worth) = 0;
    /// The newest login, valid or not; null when there is none.
    virtual LoginPtr latest() const = 0;
    /// Whether a renewal is under way, for whose end the destructor would have to wait.
    virtual bool is_busy() const { return false; }
};

/// Certificate files that are maintained by others (`connect --cert --key`). They are used as they are, never
/// renewed, and only the gateway judges them.
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
