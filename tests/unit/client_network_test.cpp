#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sched.h>

#include <cstdlib>
#include <cstring>
#include <optional>
#include <string>
#include <thread>

#include <boost/asio/io_context.hpp>
#include <gtest/gtest.h>

#include "client-proxy/platform/network_watch.hpp"
#include "net/event_loops.hpp"

namespace postern::client {
namespace {

using namespace std::chrono_literals;

template <class T>
std::string bytes_of(const T& value) {
    return std::string(reinterpret_cast<const char*>(&value), sizeof value);
}

std::string message(std::uint16_t type, std::string payload) {
    nlmsghdr header{};
    header.nlmsg_type = type;
    header.nlmsg_len = static_cast<std::uint32_t>(NLMSG_HDRLEN + payload.size());
    payload.resize(NLMSG_ALIGN(payload.size()));
    return bytes_of(header) + payload;
}

std::string address(std::uint16_t type, std::uint32_t index, const std::string& bytes) {
    ifaddrmsg about{};
    about.ifa_index = index;
    rtattr attribute{};
    attribute.rta_type = IFA_ADDRESS;
    attribute.rta_len = static_cast<std::uint16_t>(RTA_LENGTH(bytes.size()));
    return message(type, bytes_of(about) + bytes_of(attribute) + bytes);
}

std::string link(std::uint16_t type, int index, bool carries) {
    ifinfomsg about{};
    about.ifi_index = index;
    about.ifi_flags = carries ? IFF_UP | IFF_RUNNING : IFF_UP;
    return message(type, bytes_of(about));
}

TEST(NetworkStateTest, AnAddressThatComesOrGoesIsAChangeAndOneThatIsConfirmedIsNone) {
    NetworkState state;
    EXPECT_TRUE(state.take(address(RTM_NEWADDR, 2, "aaaa")));
    EXPECT_FALSE(state.take(address(RTM_NEWADDR, 2, "aaaa")));
    EXPECT_TRUE(state.take(address(RTM_NEWADDR, 3, "aaaa")));
    EXPECT_TRUE(state.take(address(RTM_NEWADDR, 2, "bbbb")));
    EXPECT_TRUE(state.take(address(RTM_DELADDR, 2, "aaaa")));
    EXPECT_TRUE(state.take(address(RTM_NEWADDR, 2, "aaaa")));
}

TEST(NetworkStateTest, ALinkThatBeginsOrEndsToCarryIsAChangeAndAScanIsNone) {
    NetworkState state;
    EXPECT_TRUE(state.take(link(RTM_NEWLINK, 2, true)));
    EXPECT_FALSE(state.take(link(RTM_NEWLINK, 2, true)));
    EXPECT_TRUE(state.take(link(RTM_NEWLINK, 2, false)));
    EXPECT_FALSE(state.take(link(RTM_NEWLINK, 2, false)));
    EXPECT_TRUE(state.take(link(RTM_NEWLINK, 2, true)));
    EXPECT_TRUE(state.take(link(RTM_DELLINK, 2, false)));
}

TEST(NetworkStateTest, SeveralMessagesAreOneQuestionAndOthersAreNoAnswer) {
    NetworkState state;
    const std::string known = address(RTM_NEWADDR, 2, "aaaa");
    EXPECT_TRUE(state.take(known + link(RTM_NEWLINK, 2, true)));
    EXPECT_FALSE(state.take(known + known));
    EXPECT_TRUE(state.take(known + address(RTM_NEWADDR, 2, "bbbb") + known));
    EXPECT_FALSE(state.take(message(RTM_NEWROUTE, std::string(64, '\0'))));
}

TEST(NetworkStateTest, TakesPartsOfMessagesForNothing) {
    const std::string whole = address(RTM_NEWADDR, 2, "aaaa");
    for (std::size_t size = 0; size < whole.size(); ++size) {
        NetworkState state;
        EXPECT_FALSE(state.take(std::string_view(whole).substr(0, size))) << size;
    }
    NetworkState state;
    EXPECT_FALSE(state.take(std::string(64, '\xff')));
    EXPECT_FALSE(state.take(message(RTM_NEWADDR, "x")));
    EXPECT_FALSE(state.take(message(RTM_NEWLINK, "x")));
}

TEST(NetworkWatch, NoticesALinkOfThisMachine) {
    std::optional<bool> has_noticed;
    // A network of this thread's own.
    std::thread thread([&] {
        if (::unshare(CLONE_NEWNET) != 0) {
            return;
        }
        auto messages = open_network_messages();
        ASSERT_TRUE(messages) << messages.error().detail;
        boost::asio::io_context loop;
        has_noticed = false;
        std::function<void()> changed = [&] {
            has_noticed = true;
            loop.stop();
        };
        net::spawn(loop, "network", watch_network(*std::move(messages), std::move(changed)));
        ASSERT_EQ(std::system("ip link set lo up"), 0);
        loop.run_for(10s);
    });
    thread.join();
    if (!has_noticed) {
        GTEST_SKIP() << "a network of its own takes root";
    }
    EXPECT_TRUE(*has_noticed);
}

}  // namespace
}  // namespace postern::client
