// A round robin between addresses, on one loop. Work that strangers cause (a handshake, an answer) is done
// one step at a time, in turn for each address, and between two steps the loop handles everything else. A
// thousand ClientHellos from one address therefore delay neither the open connections nor the one from
// another address.
#pragma once

#include <cstddef>
#include <list>
#include <memory>
#include <string>
#include <unordered_map>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>

namespace postern::net {

/// The queues of one loop. It is used on the loop's thread and must outlive the coroutines that use it.
class FairTurns {
    struct Waiter;

public:
    explicit FairTurns(boost::asio::io_context& loop) : loop_(loop) {}
    FairTurns(const FairTurns&) = delete;
    FairTurns& operator=(const FairTurns&) = delete;

    /// One connection, which waits for one turn at a time.
    class Member {
    public:
        /// Members with the same `key` share its turns. For addresses use address_key().
        Member(FairTurns& turns, std::string key);
        ~Member();
        Member(const Member&) = delete;
        Member& operator=(const Member&) = delete;

        /// Returns when it is this connection's turn, immediately if nobody waits. The turn lasts until the
        /// coroutine waits for something else.
        boost::asio::awaitable<void> next();
        /// Ends a pending wait and all later ones at once, because the connection was cut or has
        /// authenticated.
        void leave() noexcept;

    private:
        friend class FairTurns;
        FairTurns& turns_;
        std::string key_;
        std::shared_ptr<Waiter> waiter_;
        bool has_left_ = false;
    };

    /// The number of members that wait for a turn.
    std::size_t waiting() const noexcept { return waiting_; }

private:
    /// The waiters of one key, in the order of their arrival; never empty.
    struct Lane {
        std::string key;
        std::list<std::shared_ptr<Waiter>> waiters;
    };
    using Lanes = std::list<Lane>;

    void add(const std::string& key, const std::shared_ptr<Waiter>& waiter);
    void remove(const std::string& key, const std::shared_ptr<Waiter>& waiter) noexcept;
    void grant_next();
    void grant_soon();

    boost::asio::io_context& loop_;
    /// The front has the next turn.
    Lanes lanes_;
    std::unordered_map<std::string, Lanes::iterator> by_key_;
    std::size_t waiting_ = 0;
    /// Whether a turn was taken since the loop last polled its sockets.
    bool is_taken_ = false;
    /// Lets posted handlers detect that this object was destroyed.
    std::shared_ptr<bool> life_ = std::make_shared<bool>(true);
};

}  // namespace postern::net
