// A round robin between addresses. On one loop, what strangers make a server compute (a handshake, an answer) is
// done one step at a time, the addresses in turn, and between two steps the loop serves everybody else: a thousand
// ClientHellos of one address hold up neither the open connections nor another address's one.
#pragma once

#include <cstddef>
#include <list>
#include <memory>
#include <string>
#include <unordered_map>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>

namespace postern::net {

/// To be used on the loop's thread; outlives the loop's coroutines.
class FairTurns {
    struct Waiter;

public:
    explicit FairTurns(boost::asio::io_context& loop) : loop_(loop) {}
    FairTurns(const FairTurns&) = delete;
    FairTurns& operator=(const FairTurns&) = delete;

    /// One connection, which waits for one turn at a time.
    class Member {
    public:
        /// `key`: those who share it share its turns. For addresses use address_key().
        Member(FairTurns& turns, std::string key);
        ~Member();
        Member(const Member&) = delete;
        Member& operator=(const Member&) = delete;

        /// Returns when it is this connection's turn, which it has until it waits for something else: at
        /// once, where nobody waits.
        boost::asio::awaitable<void> next();
        /// Ends a wait, and from now on there is none: the connection was cut, or has proven who it is.
        void leave() noexcept;

    private:
        friend class FairTurns;
        FairTurns& turns_;
        std::string key_;
        std::shared_ptr<Waiter> waiter_;
        bool has_left_ = false;
    };

    std::size_t waiting() const noexcept { return waiting_; }

private:
    /// Of one key, first come, first served; never empty.
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
    /// The next turn is the front's.
    Lanes lanes_;
    std::unordered_map<std::string, Lanes::iterator> by_key_;
    std::size_t waiting_ = 0;
    /// Somebody has had a turn since the loop last looked at its sockets.
    bool is_taken_ = false;
    /// What was posted finds out by it that this object has gone.
    std::shared_ptr<bool> life_ = std::make_shared<bool>(true);
};

}  // namespace postern::net
