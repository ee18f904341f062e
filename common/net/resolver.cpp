#include "net/resolver.hpp"

#include <netdb.h>
#include <netinet/in.h>
#include <signal.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <condition_variable>
#include <cstring>
#include <deque>
#include <mutex>
#include <system_error>
#include <thread>
#include <unordered_map>
#include <utility>

#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>

#include "base/exhaustion.hpp"
#include "net/await.hpp"

namespace postern::net {

namespace asio = boost::asio;

namespace {

using Steady = std::chrono::steady_clock;

/// Blocks all signals of the calling thread while it exists. A thread that is started under it inherits this,
/// so that signals go to the program's other threads.
class SignalsBlocked {
public:
    SignalsBlocked() {
        sigset_t all;
        ::sigfillset(&all);
        ::pthread_sigmask(SIG_SETMASK, &all, &before_);
    }
    ~SignalsBlocked() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
    SignalsBlocked(const SignalsBlocked&) = delete;
    SignalsBlocked& operator=(const SignalsBlocked&) = delete;

private:
    sigset_t before_{};
};

Resolver::Answer failed(Code code, const std::string& host, std::string_view why) {
    Resolver::Answer answer;
    answer.failure = Failure{code, "looking up " + host + ": " + std::string(why)};
    return answer;
}

Resolver::Answer too_late(const std::string& host) {
    Resolver::Answer answer;
    answer.failure = Failure{Code::timed_out, "looking up " + host + " took too long"};
    return answer;
}

/// The answer if `host` is an IP address.
std::optional<Resolver::Answer> numeric(const std::string& host) {
    boost::system::error_code error;
    const auto address = asio::ip::make_address(host, error);
    if (error) {
        return std::nullopt;
    }
    Resolver::Answer answer;
    answer.addresses.push_back(address);
    return answer;
}

/// The key of a host name: names are case-insensitive (RFC 4343).
std::string normal(const std::string& host) {
    std::string name = host;
    std::transform(name.begin(), name.end(), name.begin(),
                   [](unsigned char c) { return static_cast<char>(c < 0x80 ? std::tolower(c) : c); });
    return name;
}

/// The answer for an error of getaddrinfo(3).
Resolver::Answer failure_of(const std::string& host, int error, int system_error) {
    // The C library reports a socket that it could not open as a name server that does not answer.
    const auto own = error == EAI_MEMORY                                  ? exhaustion_of(ENOMEM)
                     : error == EAI_SYSTEM && exhaustion_of(system_error) ? exhaustion_of(system_error)
                                                                          : descriptors_exhausted();
    if (own) {
        return failed(own->code, host, own->detail);
    }
    Resolver::Answer answer = failed(
        Code::unreachable, host, error == EAI_SYSTEM ? std::strerror(system_error) : ::gai_strerror(error));
    answer.is_network_away = error == EAI_AGAIN;
    return answer;
}

}  // namespace

Resolver::Answer Resolver::ask_system(const std::string& host) {
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    addrinfo* found = nullptr;
    errno = 0;
    const int error = ::getaddrinfo(host.c_str(), nullptr, &hints, &found);
    if (error != 0) {
        return failure_of(host, error, errno);
    }
    Answer answer;
    for (const addrinfo* one = found; one != nullptr; one = one->ai_next) {
        if (one->ai_family == AF_INET) {
            const auto* in = reinterpret_cast<const sockaddr_in*>(one->ai_addr);
            answer.addresses.emplace_back(asio::ip::address_v4(ntohl(in->sin_addr.s_addr)));
        } else if (one->ai_family == AF_INET6) {
            const auto* in = reinterpret_cast<const sockaddr_in6*>(one->ai_addr);
            asio::ip::address_v6::bytes_type bytes;
            std::memcpy(bytes.data(), &in->sin6_addr, bytes.size());
            answer.addresses.emplace_back(asio::ip::address_v6(bytes, in->sin6_scope_id));
        }
    }
    ::freeaddrinfo(found);
    if (answer.addresses.empty()) {
        return failed(Code::unreachable, host, "it has no address");
    }
    return answer;
}

namespace {

/// A caller that waits for an answer.
struct Waiter {
    /// Called once, under the resolver's lock, when the answer is available.
    std::function<void()> tell;
    std::optional<Resolver::Answer> answer;
};

/// A name that is cached, being looked up or waiting for a thread.
struct Name {
    std::string host;
    std::vector<Waiter*> waiting;
    /// The last answer, valid until `kept_until`.
    std::optional<Resolver::Answer> kept;
    Steady::time_point kept_until;
    bool is_in_line = false;
    bool is_asked = false;
    /// Whether its last look-up was slow: the next one takes one of the slow names' threads.
    bool is_slow = false;
};
using NamePtr = std::shared_ptr<Name>;

}  // namespace

struct Resolver::State {
    State(Options its_options, Ask its_ask) : options(its_options), ask(std::move(its_ask)) {}

    static void start_next(const std::shared_ptr<State>& state);
    static void run(std::shared_ptr<State> state, NamePtr name);

    NamePtr find(const std::string& host);
    bool has_room();
    void answer_all(Name& name, const Answer& answer);
    bool has_thread_for(const Name& name) const {
        return running < options.threads && (!name.is_slow || slow_running < options.slow_threads);
    }

    const Options options;
    const Ask ask;
    std::mutex mutex;
    std::unordered_map<std::string, NamePtr> names;
    std::deque<NamePtr> line;
    std::size_t running = 0;
    std::size_t slow_running = 0;
};

/// Whether one more name fits. If not, names that nobody waits for and that are not being looked up are
/// dropped first.
bool Resolver::State::has_room() {
    if (names.size() < options.names) {
        return true;
    }
    std::erase_if(names, [](const auto& entry) {
        const Name& name = *entry.second;
        return name.waiting.empty() && !name.is_asked && !name.is_in_line;
    });
    return names.size() < options.names;
}

/// The entry of a name, created if necessary; null when there is no room for a new one.
NamePtr Resolver::State::find(const std::string& host) {
    const std::string key = normal(host);
    if (const auto known = names.find(key); known != names.end()) {
        return known->second;
    }
    if (!has_room()) {
        return nullptr;
    }
    auto name = std::make_shared<Name>();
    name->host = host;
    names.emplace(key, name);
    return name;
}

/// Gives the answer to all who wait for the name.
void Resolver::State::answer_all(Name& name, const Answer& answer) {
    for (Waiter* const waiter : std::exchange(name.waiting, {})) {
        waiter->answer = answer;
        waiter->tell();
    }
}

/// Starts look-ups for waiting names in their order. A slow name that finds no thread lets the others pass.
void Resolver::State::start_next(const std::shared_ptr<State>& state) {
    for (auto next = state->line.begin(); next != state->line.end();) {
        NamePtr name = *next;
        if (!state->has_thread_for(*name)) {
            ++next;
            continue;
        }
        next = state->line.erase(next);
        name->is_in_line = false;
        try {
            const SignalsBlocked blocked;
            std::thread(run, state, name).detach();
        } catch (const std::system_error& error) {
            const Answer answer = failed(Code::out_of_resources, name->host,
                                         std::string("no thread for it: ") + error.code().message());
            state->answer_all(*name, answer);
            continue;
        }
        name->is_asked = true;
        ++state->running;
        state->slow_running += name->is_slow ? 1 : 0;
    }
}

/// One look-up, on a thread of its own.
void Resolver::State::run(std::shared_ptr<State> state, NamePtr name) {
    const auto began = Steady::now();
    Answer answer;
    try {
        answer = state->ask(name->host);
    } catch (const std::exception& error) {
        answer = failed(Code::out_of_resources, name->host, error.what());
    }
    const auto now = Steady::now();
    const std::lock_guard lock(state->mutex);
    --state->running;
    state->slow_running -= name->is_slow ? 1 : 0;
    name->is_slow = now - began >= state->options.slow;
    name->is_asked = false;
    name->kept_until = now + (answer.failure ? state->options.failure_kept : state->options.kept);
    state->answer_all(*name, answer);
    name->kept = std::move(answer);
    start_next(state);
}

/// A caller's registration as waiting for a name, for as long as it exists.
class Resolver::Place {
public:
    Place(std::shared_ptr<State> state, const std::string& host, std::function<void()> tell)
        : state_(std::move(state)) {
        waiter_.tell = std::move(tell);
        const std::lock_guard lock(state_->mutex);
        name_ = state_->find(host);
        if (name_ == nullptr) {
            waiter_.answer = failed(Code::out_of_resources, host, "too many names are being looked up");
            return;
        }
        if (name_->kept && Steady::now() < name_->kept_until) {
            waiter_.answer = name_->kept;
            return;
        }
        name_->waiting.push_back(&waiter_);
        if (!name_->is_asked && !name_->is_in_line) {
            name_->is_in_line = true;
            state_->line.push_back(name_);
            State::start_next(state_);
        }
    }
    ~Place() {
        const std::lock_guard lock(state_->mutex);
        if (name_ == nullptr) {
            return;
        }
        std::erase(name_->waiting, &waiter_);
        if (name_->waiting.empty() && name_->is_in_line) {
            // Nobody waits for the name any more, so that it leaves the queue.
            std::erase(state_->line, name_);
            name_->is_in_line = false;
        }
    }
    Place(const Place&) = delete;
    Place& operator=(const Place&) = delete;

    std::optional<Answer> answer() const {
        const std::lock_guard lock(state_->mutex);
        return waiter_.answer;
    }

private:
    std::shared_ptr<State> state_;
    NamePtr name_;
    Waiter waiter_;
};

Resolver& Resolver::shared() {
    // It is never destroyed, because a look-up in progress may outlive main().
    static auto* const resolver = new Resolver();
    return *resolver;
}

Resolver::Resolver(Options options, Ask ask) : state_(std::make_shared<State>(options, std::move(ask))) {}

asio::awaitable<Resolver::Answer> Resolver::resolve(std::string host, Deadline until) {
    if (auto known = numeric(host)) {
        co_return *std::move(known);
    }
    const asio::any_io_executor executor = co_await asio::this_coro::executor;
    const auto bell = std::make_shared<asio::steady_timer>(executor, until.time());
    std::function<void()> tell = [bell] { asio::post(bell->get_executor(), [bell] { bell->cancel(); }); };
    const Place place(state_, host, std::move(tell));
    auto answer = place.answer();
    if (!answer) {
        co_await bell->async_wait(kAwait);
        answer = place.answer();
    }
    co_return answer ? *std::move(answer) : too_late(host);
}

Resolver::Answer Resolver::resolve_blocking(const std::string& host, Deadline until) {
    if (auto known = numeric(host)) {
        return *std::move(known);
    }
    std::mutex mutex;
    std::condition_variable bell;
    bool is_there = false;
    const Place place(state_, host, [&] {
        const std::lock_guard lock(mutex);
        is_there = true;
        bell.notify_one();
    });
    if (auto answer = place.answer()) {
        return *std::move(answer);
    }
    {
        std::unique_lock lock(mutex);
        bell.wait_until(lock, until.time(), [&] { return is_there; });
    }
    auto answer = place.answer();
    return answer ? *std::move(answer) : too_late(host);
}

void Resolver::forget(const std::string& host) {
    const std::lock_guard lock(state_->mutex);
    if (const auto known = state_->names.find(normal(host)); known != state_->names.end()) {
        known->second->kept.reset();
    }
}

void Resolver::forget_all() {
    const std::lock_guard lock(state_->mutex);
    // Current waiters keep their entries; later callers look the name up again.
    state_->names.clear();
}

}  // namespace postern::net
