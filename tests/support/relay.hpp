// A line between a client and a server that tests can cut: TCP in, TCP out, and trouble on request.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <string>
#include <thread>

namespace postern::test {

class Relay {
public:
    /// Of 127.0.0.1. Listens there too, or on the address that is named.
    explicit Relay(int target_port, const std::string& address = "127.0.0.1");
    ~Relay();
    Relay(const Relay&) = delete;
    Relay& operator=(const Relay&) = delete;

    int port() const noexcept { return port_; }
    /// Connections that were ever accepted, and that are open now.
    int accepted() const noexcept { return accepted_; }
    int open() const noexcept { return open_; }

    /// Connections that are open now are closed, without a byte having been passed on, when their client next
    /// says something.
    void close_at_next_word();
    /// The same when their server next says something: what the client said before has arrived.
    void close_at_next_answer();
    /// Whether new connections are closed at once. Those that are open stay.
    void reject(bool does) { rejects_ = does; }

private:
    void serve();
    void accept();
    static bool pass(int from, int to);
    void drop(int fd);

    const int target_;
    int listener_;
    int wake_;
    int port_ = 0;
    std::atomic<int> accepted_ = 0;
    std::atomic<int> open_ = 0;
    std::atomic<int> doomed_until_ = 0;
    std::atomic<int> answers_lost_until_ = 0;
    std::atomic<bool> rejects_ = false;
    struct End {
        int other = -1;
        bool is_client = false;
        /// Which connection it belongs to, counted from 1.
        int number = 0;
    };
    /// The thread's own.
    std::map<int, End> ends_;
    std::thread thread_;
};

}  // namespace postern::test
