// A name server that does not answer costs those who ask for its names, and nobody else.
#include <dlfcn.h>
#include <netdb.h>

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "unit/gateway_fixture.hpp"

namespace {

std::mutex hanging_mutex;
std::condition_variable hanging_changed;
std::atomic<int> hanging = 0;
bool is_let_go = false;

}  // namespace

/// In place of the C library's: names in hangs.test get no answer until they are let go.
extern "C" int getaddrinfo(const char* node, const char* service, const addrinfo* hints, addrinfo** found) {
    if (node != nullptr && std::string_view(node).ends_with(".hangs.test")) {
        ++hanging;
        std::unique_lock lock(hanging_mutex);
        hanging_changed.wait(lock, [] { return is_let_go; });
        return EAI_AGAIN;
    }
    static const auto real = reinterpret_cast<decltype(&::getaddrinfo)>(::dlsym(RTLD_NEXT, "getaddrinfo"));
    return real(node, service, hints, found);
}

namespace postern::gateway {
namespace {

class GatewayNames : public GatewayFixture {
protected:
    static std::string service_at(const std::string& name, const std::string& backend) {
        return fmt::format("[[service]]\nname = \"{}\"\nbackend = \"{}\"\nprotocol = \"tcp\"\n", name,
                           backend) +
               rule(name);
    }
};

TEST_F(GatewayNames, AServiceWhoseNameHangsHoldsUpNoOther) {
    start(service_at("echo", fmt::format("localhost:{}", echo_port())) +
              service_at("lost", "db.hangs.test:5432") + service_at("lost2", "db2.hangs.test:5432"),
          "backend_timeout = \"60s\"\n");
    std::vector<Visitor> lost;
    for (int i = 0; i < 8; ++i) {
        lost.emplace_back(port(), client("alice"));
        lost.back().send(
            fmt::format("CONNECT {0}:7 HTTP/1.1\r\nHost: {0}:7\r\n\r\n", i % 2 == 0 ? "lost" : "lost2"));
    }
    ASSERT_TRUE(eventually([] { return hanging == 2; })) << "one look-up for each name, whoever asks";
    for (int i = 0; i < 3; ++i) {
        EXPECT_EQ(Visitor(port(), client("bob")).ask("CONNECT echo:7").status, 200U);
    }
    EXPECT_EQ(count("connection.rejected"), 0U) << "they still hang";
    {
        const std::lock_guard lock(hanging_mutex);
        is_let_go = true;
        hanging_changed.notify_all();
    }
    for (auto& visitor : lost) {
        EXPECT_EQ(visitor.answer().status, 502U);
    }
    EXPECT_EQ(hanging, 2);
}

}  // namespace
}  // namespace postern::gateway
