// A TCP relay between a client and a server, which tests can cut and make fail.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <string>
#include <thread>

namespace postern::test {

class Relay {
public:
    /// Forwards to `target_port` of 127.0.0.1. Listens on a free port of `address`.
    explicit Relay(int target_port, const std::string& address = "127.0.0.1");
    ~Relay();
    Relay(const Relay&) = delete;
    Relay& operator=(const Relay&) = delete;

    int port() const noexcept { return port_; }
    /// Connections that were ever accepted, and those that are open now.
    int accepted() const noexcept { return accepted_; }
    int open() const noexcept { return open_; }

    /// Closes the connections that are open now when their client next sends something, without passing that
    /// on.
    void close_at_next_word();
    /// Closes them when their server next sends something: what the client sent before has arrived by then.
    void close_at_next_answer();
    /// Sets whether new connections are closed at once. Those that are open stay.
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
        /// The connection that it belongs to, counted from 1.
        int number = 0;
    };
    /// Used by the thread alone.
    std::map<int, End> ends_;
    std::thread thread_;
};

}  // namespace postern::test
