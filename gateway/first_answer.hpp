// Watches a relay for a backend that accepts and never answers: from the client's first byte on, the backend
// has so much time for its first.
#pragma once

#include <chrono>
#include <functional>
#include <optional>

#include <boost/asio/any_io_executor.hpp>

#include "net/deadline.hpp"
#include "net/relay.hpp"

namespace postern::gateway {

/// To be used on one thread; `give_up` runs at most once.
class FirstAnswer {
public:
    FirstAnswer(const boost::asio::any_io_executor& executor, std::chrono::milliseconds patience,
                std::function<void()> give_up);

    /// The client's first bytes were forwarded (also by the relay's own filter).
    void asked();
    net::RelayFilter* from_client() noexcept { return &from_client_; }
    net::RelayFilter* from_backend() noexcept { return &from_backend_; }

private:
    struct FromClient final : net::RelayFilter {
        explicit FromClient(FirstAnswer& owner_) : owner(owner_) {}
        Result<net::Bytes> pass(net::Buffer chunk) override;
        FirstAnswer& owner;
    };
    struct FromBackend final : net::RelayFilter {
        explicit FromBackend(FirstAnswer& owner_) : owner(owner_) {}
        Result<net::Bytes> pass(net::Buffer chunk) override;
        FirstAnswer& owner;
    };

    boost::asio::any_io_executor executor_;
    std::chrono::milliseconds patience_;
    std::function<void()> give_up_;
    std::optional<net::Deadline> deadline_;
    bool is_asked_ = false;
    bool is_answered_ = false;
    FromClient from_client_{*this};
    FromBackend from_backend_{*this};
};

}  // namespace postern::gateway
