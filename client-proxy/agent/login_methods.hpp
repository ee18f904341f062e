// The login methods are what a person does at the CA service by way of the agent: believing a CA, logging in,
// logging out. What blocks is done on threads that are kept for it.
#pragma once

#include <atomic>
#include <cstddef>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/thread_pool.hpp>
#include <nlohmann/json.hpp>

#include "client-proxy/agent/profile_login.hpp"
#include "client-proxy/config/profile.hpp"
#include "client-proxy/control/server.hpp"

namespace postern::client {

/// Everything but is_busy() and join() happens on the control loop.
class LoginMethods {
public:
    using Answering = boost::asio::awaitable<control::Reply>;

    LoginMethods(ProfileFolder folder, ProfileLogin& login);

    Answering trust_inspect(control::ClientId client, nlohmann::json params);
    Answering trust_compare(control::ClientId client, nlohmann::json params);
    Answering trust_accept(control::ClientId client, nlohmann::json params);
    /// Answers how the CA lets people log in.
    Answering methods(control::ClientId client, nlohmann::json params);
    Answering login(control::ClientId client, nlohmann::json params);
    Answering logout(control::ClientId client, nlohmann::json params);

    /// Says whether a method waits for the CA. It can be called on any thread.
    bool is_busy() const noexcept { return under_way_ > 0; }
    /// Waits until nothing blocks any more. It is called once the control loop has stopped.
    void join() { pool_.join(); }

private:
    const ProfileFolder folder_;
    ProfileLogin& login_;
    std::atomic<std::size_t> under_way_ = 0;
    boost::asio::thread_pool pool_{2};
};

}  // namespace postern::client
