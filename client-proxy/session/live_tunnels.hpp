// The tunnels that are open now: which gateways to show a renewed certificate, and what to end at shutdown.
// Thread-safe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

#include <boost/asio/any_io_executor.hpp>

#include "client-proxy/tunnel/catalogue.hpp"

namespace postern::client {

class LiveTunnels {
    struct State;
    struct Session;

public:
    /// To be made and destroyed on the session's thread.
    class Entry {
    public:
        Entry(std::shared_ptr<State> state, std::shared_ptr<Session> session, std::uint64_t number);
        ~Entry();
        Entry(const Entry&) = delete;
        Entry& operator=(const Entry&) = delete;

    private:
        std::shared_ptr<State> state_;
        std::shared_ptr<Session> session_;
        std::uint64_t number_;
    };

    LiveTunnels();
    /// `cut` is called on `executor`, at most once, only while the entry lives.
    std::unique_ptr<Entry> add(GatewayEntry gateway, boost::asio::any_io_executor executor,
                               std::function<void()> cut);
    std::size_t size() const;
    /// Each gateway once.
    std::vector<GatewayEntry> gateways() const;
    void cut_all();

private:
    std::shared_ptr<State> state_;
};

}  // namespace postern::client
