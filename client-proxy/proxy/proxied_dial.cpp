#include "client-proxy/proxy/proxied_dial.hpp"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <mutex>
#include <utility>

#include <fmt/format.h>

#include "client-proxy/config/preferences.hpp"
#include "client-proxy/proxy/proxy_answer.hpp"
#include "net/deadline_timer.hpp"
#include "net/dial.hpp"

namespace postern::client {

namespace asio = boost::asio;

namespace {

/// How long an unreachable network is tried again: on a machine that has just woken up or changed its
/// network, neighbours and names become known a moment later.
constexpr std::chrono::milliseconds kNetworkTimeout{2000};
constexpr std::string_view kCaService = "the CA service";

Result<ProxyRules> rules_of_process() {
    const auto preferences = Preferences::load();
    if (!preferences) {
        return preferences.error();
    }
    return ProxyRules::make(preferences->proxy.reveal(), preferences->no_proxy,
                            [](const char* name) { return std::getenv(name); });
}

Refusal refused_on_the_way(std::string_view whom, const Failure& failure, bool is_about_credentials) {
    if (failure.code == Code::config_invalid) {
        return {failure.code, failure.detail, "Mend it, or take it away to connect directly.", {}};
    }
    const std::string_view hint =
        is_about_credentials ? "Put them into the proxy's address (HTTPS_PROXY, or proxy in config.toml): "
                               "http://USER:PASSWORD@HOST:PORT"
                             : "Check the proxy's address (HTTPS_PROXY, or proxy in config.toml); NO_PROXY "
                               "names what goes without it.";
    return {Code::unreachable,
            fmt::format("{} cannot be reached: {}", whom, failure.detail),
            std::string(hint),
            {}};
}

std::string proxy_away(const HttpProxy& proxy, Code code) {
    return fmt::format("the proxy {} {}", proxy.text(),
                       code == Code::timed_out || code == Code::cancelled ? "did not answer in time"
                       : code == Code::end_of_stream                      ? "closed the connection"
                                                                          : "cannot be reached");
}

asio::awaitable<Result<void>> ask_way(net::PlainStream& stream, const HttpProxy& proxy,
                                      const net::Address& where, ProxyAnswer& answer) {
    const Secret request = connect_request(proxy, where);
    const std::string_view text = request.reveal();
    const net::Bytes bytes(reinterpret_cast<const unsigned char*>(text.data()), text.size());
    const auto written = co_await stream.write_all(bytes);
    if (!written) {
        co_return written.error();
    }
    std::array<unsigned char, 4096> block{};
    const net::Buffer into(block);
    for (;;) {
        const auto got = co_await stream.read_some(into);
        if (!got) {
            co_return got.error();
        }
        if (*got == 0) {
            co_return Failure{Code::end_of_stream, {}};
        }
        const auto is_open = answer.feed({reinterpret_cast<const char*>(block.data()), *got});
        if (!is_open) {
            co_return is_open.error();
        }
        if (*is_open) {
            co_return Result<void>();
        }
    }
}

asio::awaitable<Outcome<net::PlainStream>> dial_through(const HttpProxy& proxy, net::Address where,
                                                        std::string whom, net::Deadline deadline) {
    net::Address at = proxy.address;
    auto dialled = co_await net::dial(std::move(at), deadline, kNetworkTimeout);
    if (!dialled && dialled.error().code == Code::out_of_resources) {
        co_return local_refusal(dialled.error());
    }
    if (!dialled) {
        const Failure away{Code::unreachable, proxy_away(proxy, dialled.error().code)};
        co_return refused_on_the_way(whom, away, false);
    }
    auto stream = std::make_unique<net::PlainStream>(*std::move(dialled));
    ProxyAnswer answer(proxy.text(), proxy.has_credentials());
    Result<void> asked = Failure{Code::internal, {}};
    {
        auto* const raw = stream.get();
        std::function<void()> cut = [raw] { raw->cancel(); };
        const net::DeadlineTimer timer(raw->executor(), deadline, std::move(cut));
        asked = co_await ask_way(*raw, proxy, where, answer);
    }
    if (!asked) {
        Failure failure = asked.error();
        if (failure.code != Code::unreachable || failure.detail.empty()) {
            failure = {Code::unreachable, proxy_away(proxy, failure.code)};
        }
        co_return refused_on_the_way(whom, failure, answer.is_about_credentials());
    }
    co_return std::move(*stream);
}

struct SharedRules {
    std::mutex mutex;
    std::shared_ptr<const Result<ProxyRules>> rules =
        std::make_shared<const Result<ProxyRules>>(rules_of_process());
};

SharedRules& shared_rules() {
    static SharedRules shared;
    return shared;
}

}  // namespace

std::shared_ptr<const Result<ProxyRules>> proxy_rules() {
    SharedRules& shared = shared_rules();
    const std::lock_guard lock(shared.mutex);
    return shared.rules;
}

void use_proxy_rules(ProxyRules rules) {
    auto next = std::make_shared<const Result<ProxyRules>>(std::move(rules));
    SharedRules& shared = shared_rules();
    const std::lock_guard lock(shared.mutex);
    shared.rules = std::move(next);
}

asio::awaitable<Outcome<net::PlainStream>> dial_gateway(net::Address where, std::string gateway,
                                                        net::Deadline deadline) {
    const auto held = proxy_rules();
    const Result<ProxyRules>& rules = *held;
    if (!rules) {
        co_return refused_on_the_way("the gateway", rules.error(), false);
    }
    const HttpProxy* const proxy = rules->proxy_for(where.host);
    if (proxy != nullptr) {
        std::string whom = fmt::format("the gateway {}", gateway);
        co_return co_await dial_through(*proxy, std::move(where), std::move(whom), deadline);
    }
    auto dialled = co_await net::dial(std::move(where), deadline, kNetworkTimeout);
    if (!dialled) {
        co_return gateway_refusal(dialled.error(), gateway);
    }
    co_return *std::move(dialled);
}

namespace {

asio::awaitable<Result<net::PlainStream>> dial_ca(std::shared_ptr<std::optional<Refusal>> refusal,
                                                  std::string url, net::Address where,
                                                  net::Deadline deadline) {
    refusal->reset();
    const auto held = proxy_rules();
    const Result<ProxyRules>& rules = *held;
    if (!rules) {
        *refusal = refused_on_the_way(kCaService, rules.error(), false);
        co_return rules.error();
    }
    const HttpProxy* const proxy = rules->proxy_for(where.host);
    if (proxy == nullptr) {
        co_return co_await net::dial(std::move(where), deadline);
    }
    std::string whom = fmt::format("{} {}", kCaService, url);
    auto dialled = co_await dial_through(*proxy, std::move(where), std::move(whom), deadline);
    if (!dialled) {
        *refusal = dialled.error();
        co_return Failure{dialled.error().code, dialled.error().message};
    }
    co_return *std::move(dialled);
}

}  // namespace

CaRoute::CaRoute(std::string url)
    : url_(std::move(url)), refusal_(std::make_shared<std::optional<Refusal>>()) {}

http::Dial CaRoute::dial() const {
    return [refusal = refusal_, url = url_](net::Address where, net::Deadline deadline) {
        return dial_ca(refusal, url, std::move(where), deadline);
    };
}

std::optional<Refusal> CaRoute::misconfigured() {
    const auto held = proxy_rules();
    const Result<ProxyRules>& rules = *held;
    return rules ? std::nullopt : std::optional(refused_on_the_way(kCaService, rules.error(), false));
}

std::optional<Refusal> CaRoute::refusal() const {
    return *refusal_;
}

}  // namespace postern::client
