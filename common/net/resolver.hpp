// Resolves host names with getaddrinfo(3), so that /etc/hosts, nsswitch.conf and search domains apply as
// everywhere on the machine. It runs on threads of its own, because getaddrinfo(3) blocks and cannot be
// interrupted. Concurrent requests for a name share one look-up, and different names do not wait for each
// other. The numbers of threads and of names are bounded.
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
#include "net/deadline.hpp"

namespace postern::net {

/// Looks up names and caches the answers. Thread-safe.
class Resolver {
public:
    /// The outcome of a look-up.
    struct Answer {
        /// In the order in which to try them; empty only if there is a failure.
        std::vector<boost::asio::ip::address> addresses;
        /// Code::unreachable when there is no such name or no name server answers, Code::timed_out, or
        /// Code::out_of_resources.
        std::optional<Failure> failure;
        /// Whether no name server could be reached (EAI_AGAIN), as is also the case for a moment after the
        /// network has come back.
        bool is_network_away = false;
    };
    /// Performs one look-up. It may block for any time, and is called on several threads at once.
    using Ask = std::function<Answer(const std::string& host)>;

    /// The bounds and the caching times.
    struct Options {
        /// The number of concurrent look-ups, each on a thread of its own that ends with it. Further names
        /// wait in a queue.
        std::size_t threads = 64;
        /// The number of these threads that names may use whose last look-up was slow, so that names which
        /// hang leave threads for the others.
        std::size_t slow_threads = 32;
        /// The number of names that are cached, being looked up or waiting. Beyond it a new name is refused.
        std::size_t names = 1024;
        /// How long an answer is cached. getaddrinfo(3) does not report the zone's TTL, and a database that
        /// moves by DNS must be found soon.
        std::chrono::milliseconds kept{5000};
        /// How long a failure is cached.
        std::chrono::milliseconds failure_kept{500};
        /// A look-up that takes this long is slow.
        std::chrono::milliseconds slow{1000};
    };

    /// Looks up `host` with getaddrinfo(3). Blocks.
    static Answer ask_system(const std::string& host);
    /// The resolver of this process. It is never destroyed.
    static Resolver& shared();

    Resolver() : Resolver(Options()) {}
    explicit Resolver(Options options, Ask ask = ask_system);
    /// Does not wait for look-ups in progress; their answers are dropped.
    ~Resolver() = default;
    Resolver(const Resolver&) = delete;
    Resolver& operator=(const Resolver&) = delete;

    /// Resolves `host` until the deadline and resumes on the caller's loop. An IP address resolves to itself.
    boost::asio::awaitable<Answer> resolve(std::string host, Deadline until);
    /// Does what resolve() does, blocking the calling thread.
    Answer resolve_blocking(const std::string& host, Deadline until);
    /// Drops the cached answer for `host`, because nothing answered at its addresses.
    void forget(const std::string& host);
    /// Drops all names, because the network has changed. Look-ups that still run in the old network do not
    /// delay new ones.
    void forget_all();

private:
    struct State;
    class Place;
    std::shared_ptr<State> state_;
};

}  // namespace postern::net
