// Names to addresses: getaddrinfo(3), so that /etc/hosts, nsswitch.conf and search domains count as
// everywhere on the machine, on threads of its own, since it blocks and cannot be interrupted. One name is
// looked up once at a time, for all who ask; names do not wait for each other. Bounded in threads and in
// names.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/address.hpp>

#include "base/result.hpp"

namespace postern::net {

class Resolver {
public:
    struct Answer {
        /// In the order in which to try them; never empty without a failure.
        std::vector<boost::asio::ip::address> addresses;
        /// Code::unreachable: there is no such name, or nobody who could tell. Code::timed_out.
        /// Code::out_of_resources.
        std::optional<Failure> failure;
        /// Nobody could be asked (EAI_AGAIN): so it is for a moment after the network has come back.
        bool is_network_away = false;
    };
    /// Blocks for as long as it takes; called on several threads at once.
    using Ask = std::function<Answer(const std::string& host)>;
    using Deadline = std::chrono::steady_clock::time_point;

    struct Options {
        /// Look-ups under way, each on a thread that ends with it. Beyond these, names wait in line.
        std::size_t threads = 64;
        /// Of those, for names whose last look-up was slow: names that hang leave the rest to the others.
        std::size_t slow_threads = 32;
        /// Names known, asked for and waiting; beyond these a new one is refused.
        std::size_t names = 1024;
        /// How long an answer serves those who ask later, and how long a failure does. getaddrinfo(3) does
        /// not tell what the zone says; a database that moves by DNS is to be found soon.
        std::chrono::milliseconds kept{5000};
        std::chrono::milliseconds failure_kept{500};
        std::chrono::milliseconds slow{1000};
    };

    /// getaddrinfo(3).
    static Answer ask_system(const std::string& host);
    /// The process's own.
    static Resolver& shared();

    Resolver() : Resolver(Options()) {}
    explicit Resolver(Options options, Ask ask = ask_system);
    /// Waits for nobody: a look-up that is under way finds nobody when it ends.
    ~Resolver() = default;
    Resolver(const Resolver&) = delete;
    Resolver& operator=(const Resolver&) = delete;

    /// Thread-safe, all of them. An IP address is its own answer.
    boost::asio::awaitable<Answer> resolve(std::string host, Deadline until);
    Answer resolve_blocking(const std::string& host, Deadline until);
    /// The next who asks for it is told anew: nobody answered at its addresses.
    void forget(const std::string& host);
    /// The network is another one. What is still being looked up in the old one does not hold up the new.
    void forget_all();

private:
    struct State;
    class Place;
    std::shared_ptr<State> state_;
};

}  // namespace postern::net
