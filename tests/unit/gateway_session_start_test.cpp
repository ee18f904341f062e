// How a PostgreSQL session begins, and how many of a service's places are given to whom.
#include <string>
#include <vector>

#include "gateway/policy/limits.hpp"
#include "gateway/tunnel/session_start.hpp"
#include "unit/gateway_fixture.hpp"

namespace postern::gateway {
namespace {

using namespace std::chrono_literals;

net::Bytes bytes(const std::string& text) {
    return net::Bytes(reinterpret_cast<const unsigned char*>(text.data()), text.size());
}
const std::string kClientHello("\x16\x03\x01\x02\x00", 5);
const std::string kSslRequest("\0\0\0\x08\x04\xd2\x16\x2f", 8);
const std::string kStartup("\0\0\0\x28\0\x03\0\0user\0alice\0", 18);

TEST(SessionProgress, HasBegunWithTheAnswerToThePlainStartupPacket) {
    SessionProgress progress;
    EXPECT_FALSE(progress.has_client_spoken());
    progress.client_said(bytes(kStartup));
    progress.client_said(bytes("the rest of it"));
    EXPECT_TRUE(progress.has_client_spoken());
    EXPECT_FALSE(progress.has_begun());
    progress.server_said();
    EXPECT_TRUE(progress.has_begun());
}

TEST(SessionProgress, BehindTlsTheServersSideOfTheHandshakeIsNotTheBeginning) {
    for (const std::string& first : {kClientHello, kSslRequest}) {
        SessionProgress progress;
        progress.client_said(bytes(first));
        progress.server_said();
        progress.server_said();
        EXPECT_FALSE(progress.has_begun());
        progress.client_said(bytes("Finished and StartupMessage"));
        EXPECT_FALSE(progress.has_begun());
        progress.server_said();
        EXPECT_TRUE(progress.has_begun());
    }
}

TEST(SessionProgress, AServerThatSpeaksFirstBeginsNothing) {
    SessionProgress progress;
    progress.server_said();
    EXPECT_FALSE(progress.has_begun());
}

TEST(ServiceSlotsTest, OneIdentityLeavesPlacesForOthersAndAllLeavePlacesForTheServer) {
    ServiceSlots slots;
    const ServiceBounds bounds{.connections = 5, .per_identity = 2};
    std::vector<ServiceSlots::Place> places;
    const auto enters = [&](const std::string& who, const std::string& service = "orders-db") {
        auto place = slots.enter(service, who, bounds);
        if (place) {
            place->begun();
            places.push_back(std::move(*place));
        } else {
            EXPECT_EQ(place.error().code, Code::limit_reached);
        }
        return place.has_value();
    };
    EXPECT_TRUE(enters("alice") && enters("alice"));
    EXPECT_FALSE(enters("alice"));
    EXPECT_TRUE(enters("alice", "other")) << "each service has its own";
    EXPECT_TRUE(enters("bob") && enters("bob") && enters("carol"));
    EXPECT_FALSE(enters("dave"));
    EXPECT_EQ(slots.count("orders-db"), 5U);
    EXPECT_TRUE(slots.enter("orders-db", "dave", bounds, true)) << "a cancel goes through where all is taken";
    places.clear();
    EXPECT_EQ(slots.count("orders-db"), 0U);
    EXPECT_TRUE(enters("dave"));
}

TEST(ServiceSlotsTest, ThoseThatHaveNotBegunHaveHalfOfThePlacesAtTheMost) {
    ServiceSlots slots;
    const ServiceBounds bounds{.connections = 6, .per_identity = 6};
    std::vector<ServiceSlots::Place> silent;
    for (int i = 0; i < 3; ++i) {
        silent.push_back(slots.enter("orders-db", "mallory" + std::to_string(i), bounds).value());
    }
    EXPECT_FALSE(slots.enter("orders-db", "alice", bounds));
    silent.front().begun();
    silent.front().begun();
    auto alice = slots.enter("orders-db", "alice", bounds);
    ASSERT_TRUE(alice);
    EXPECT_FALSE(slots.enter("orders-db", "bob", bounds));
    alice->begun();
    EXPECT_TRUE(slots.enter("orders-db", "bob", bounds));
}

TEST(ServiceSlotsTest, CancelsOfOneIdentityAreFew) {
    ServiceSlots slots;
    std::vector<ServiceSlots::Place> places;
    for (int i = 0; i < 8; ++i) {
        places.push_back(slots.enter("orders-db", "mallory", {}, true).value());
    }
    EXPECT_FALSE(slots.enter("orders-db", "mallory", {}, true));
    EXPECT_TRUE(slots.enter("orders-db", "alice", {}, true));
    EXPECT_TRUE(slots.enter("orders-db", "mallory", {}));
}

TEST(LimitsTest, OnePersonHasAShareOfWhatThereIs) {
    EXPECT_EQ(net::share_of(16384, 16384, 0, 2), 8192U);
    EXPECT_EQ(net::share_of(16384, 16384, 0, 4), 4096U);
    EXPECT_EQ(net::share_of(298, 16384, 0, 4), 74U);
    EXPECT_EQ(net::share_of(298, 16384, 4096, 4), 74U) << "set to what was the default: not all of them";
    EXPECT_EQ(net::share_of(298, 16384, 64, 4), 64U) << "less than the share stays what it is";
    EXPECT_EQ(net::share_of(298, 16384, 16384, 4), 298U) << "whoever gave one identity everything meant it";
    EXPECT_EQ(net::share_of(16384, 16384, 16384, 4), 16384U);
    EXPECT_EQ(net::share_of(2, 2, 0, 4), 2U);
    EXPECT_EQ(net::share_of(20, 16384, 0, 4), 8U);
}

TEST(LimitsTest, OneIdentityBeginsSoManyWithinAMinute) {
    LimitBounds bounds{10, 10, 10};
    bounds.per_identity_per_minute = 3;
    Limits limits(bounds);
    const Limits::Time now(1h);
    for (int i = 0; i < 3; ++i) {
        EXPECT_TRUE(limits.enter("192.0.2.1", "alice", now));
    }
    EXPECT_EQ(limits.enter("192.0.2.1", "alice", now).error().code, Code::limit_reached);
    EXPECT_EQ(limits.count(), 0U);
    EXPECT_TRUE(limits.enter("192.0.2.1", "bob", now));
    EXPECT_TRUE(limits.enter("192.0.2.1", "alice", now + 20s));
    EXPECT_FALSE(limits.enter("192.0.2.1", "alice", now + 20s));
}

class GatewaySlots : public GatewayFixture {};

/// As one login did that took every place of a PostgreSQL, without a word.
TEST_F(GatewaySlots, ASilentPersonLeavesPlacesForOthersAndIsCut) {
    const SmallBackend postgres;
    start(service("orders-db", postgres.port(), "postgres") + rule("orders-db"),
          "connections_per_service = 8\nconnections_per_service_and_identity = 2\nstart_timeout = \"2s\"\n");
    Visitor first(port(), client("mallory"));
    const auto let_in = first.ask("CONNECT orders-db:1");
    ASSERT_EQ(let_in.status, 200U);
    Visitor second(port(), client("mallory"));
    ASSERT_EQ(second.ask("CONNECT orders-db:1").status, 200U);
    EXPECT_EQ(Visitor(port(), client("mallory")).ask("CONNECT orders-db:1").status, 429U);
    EXPECT_TRUE(first.is_closed());
    EXPECT_TRUE(second.is_closed());
    const auto closed = wait_for("connection.closed", "timed_out", let_in.field("Postern-Connection"));
    EXPECT_EQ(closed["postern"]["closed_by"], "gateway");
    const auto why = Visitor(port(), client("mallory"))
                         .ask("GET /v1/connections/" + let_in.field("Postern-Connection"))
                         .json();
    EXPECT_EQ(why["message"], "The session with orders-db did not begin in time.");
    EXPECT_TRUE(eventually(
        [&] { return Visitor(port(), client("mallory")).ask("CONNECT orders-db:1").status == 200U; }));
}

/// PostgreSQL counts no cancel request, so that whoever holds a session in its place would be beyond all bounds.
TEST_F(GatewaySlots, WhatIsSaidInThePlaceOfACancelRequestIsOverSoon) {
    start(service("orders-db", echo_port(), "postgres") + rule("orders-db"),
          "connections_per_service_and_identity = 1\nstart_timeout = \"1s\"\n");
    Visitor alice(port(), client("alice"));
    const auto let_in = alice.ask("CONNECT orders-db:1");
    ASSERT_EQ(let_in.status, 200U);
    // What it says comes back, as the server's: both have begun, as far as can be seen.
    alice.send(kStartup);
    ASSERT_EQ(alice.read(kStartup.size()), kStartup);
    Visitor cancel(port(), client("alice"));
    const auto second = cancel.ask("CONNECT orders-db:1",
                                   "Postern-Cancel-Of: " + let_in.field("Postern-Connection") + "\r\n");
    ASSERT_EQ(second.status, 200U);
    cancel.send(kStartup);
    ASSERT_EQ(cancel.read(kStartup.size()), kStartup);
    const auto closed = wait_for("connection.closed", "timed_out", second.field("Postern-Connection"));
    EXPECT_EQ(closed["postern"]["closed_by"], "gateway");
    EXPECT_TRUE(cancel.is_closed());
    alice.send("still here");
    EXPECT_EQ(alice.read(10), "still here");
}

TEST_F(GatewaySlots, OneThatHasBegunMayBeSilentForAsLongAsItLikes) {
    const SmallBackend postgres("S");
    const SmallBackend other_postgres;
    start(service("orders-db", postgres.port(), "postgres") + rule("orders-db") +
              service("tcp", echo_port()) + rule("tcp") +
              service("other", other_postgres.port(), "postgres") + rule("other"),
          "start_timeout = \"1s\"\n");
    const std::string start_tls = "Postern-Backend-Start: postgres-tls\r\n";
    Visitor alice(port(), client("alice"));
    // What it says comes back, as the server's.
    ASSERT_EQ(alice.ask("CONNECT orders-db:1", start_tls, kClientHello).status, 200U);
    ASSERT_EQ(alice.read(kClientHello.size()), kClientHello);
    alice.send("Finished");
    ASSERT_EQ(alice.read(8), "Finished");
    Visitor other(port(), client("alice"));
    ASSERT_EQ(other.ask("CONNECT tcp:1").status, 200U);
    // The clock of this test: one that came later and is silent goes, and these two stay.
    Visitor silent(port(), client("bob"));
    ASSERT_EQ(silent.ask("CONNECT other:1").status, 200U);
    EXPECT_TRUE(silent.is_closed());
    alice.send("still here");
    EXPECT_EQ(alice.read(10), "still here");
    other.send("still here");
    EXPECT_EQ(other.read(10), "still here");
}

}  // namespace
}  // namespace postern::gateway
