// What the gateway's loops work with: what all of them share, and what each of them owns alone.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <limits>

#include <boost/asio/io_context.hpp>

#include "audit/bearer_budget.hpp"
#include "audit/log.hpp"
#include "base/clock.hpp"
#include "base/even_clock.hpp"
#include "base/record_budget.hpp"
#include "base/silent_peers.hpp"
#include "gateway/tunnel/connection_directory.hpp"
#include "gateway/policy/identity.hpp"
#include "gateway/policy/limits.hpp"
#include "gateway/tunnel/live_connections.hpp"
#include "gateway/policy/login_sessions.hpp"
#include "gateway/policy/revocations.hpp"
#include "gateway/policy/service_slots.hpp"
#include "gateway/policy/snapshot.hpp"
#include "net/fair_turns.hpp"
#include "net/pending_connections.hpp"

namespace postern::gateway {

/// Shared by all loops; every member is thread-safe. ConnectRequest when a tunnel opens or ends, never while
/// bytes move.
struct Shared {
    Clock clock;
    audit::Log& audit;
    Limits limits;
    ServiceSlots services;
    LoginSessions sessions;
    ConnectionDirectory directory;
    /// Of strangers.
    RecordBudget failed_handshakes;
    /// Of those who showed a certificate of the user CA before or after its time. Apart, so that strangers
    /// do not crowd them out; bounded, because a copy of one certificate is enough to be among them.
    RecordBudget untimely_certificates;
    /// Of those who have proven the key of a certificate.
    audit::BearerBudget bearers;
    SilentPeers silent = {};
    EvenClock even = even_clock();

    Moment now() const { return Moment{clock(), even()}; }
};

/// One loop's own. Everything but the counters is to be used on the loop's thread; outlives the loop.
struct Worker {
    Worker(boost::asio::io_context& loop_, Shared& shared_, SnapshotPtr snapshot_,
           RevocationsPtr revocations_, std::size_t pending_bound)
        : loop(loop_),
          shared(shared_),
          snapshot(std::move(snapshot_)),
          revocations(std::move(revocations_)),
          // Half of them, so that one address leaves places to others whatever it does.
          pending(pending_bound, std::max<std::size_t>(1, pending_bound / 2)),
          turns(loop_) {}

    boost::asio::io_context& loop;
    Shared& shared;
    SnapshotPtr snapshot;
    /// Null while there is no CRL.
    RevocationsPtr revocations;
    net::PendingConnections pending;
    /// Of the handshakes of those that are pending.
    net::FairTurns turns;
    /// Those that are warm. Their bound is that of Limits: here nobody is cut for a newer one.
    net::PendingConnections warm{std::numeric_limits<std::size_t>::max()};
    LiveConnections live;
    KnownIdentities identities;
    /// Records of tunnels that ended while the audit log could not be written; tried again every second.
    /// Bounded by the tunnels that were open then: without an audit log nobody is let in.
    std::deque<audit::Record> unwritten;

    /// No new tunnels: the gateway is shutting down. Read by any thread, which finds in the two numbers below
    /// every tunnel that was let in before.
    std::atomic<bool> is_draining = false;
    /// Tunnels that are being opened or are open, until their last record is written. Read by any thread.
    std::atomic<std::size_t> tunnels = 0;
    /// Handshakes and refusals whose record, if they get one, is not written yet. Read by any thread.
    std::atomic<std::size_t> undecided = 0;
    /// The last beat that this loop's thread has answered.
    std::atomic<std::uint64_t> beat = 0;

    Judgement judgement() const {
        return Judgement{shared.clock(), snapshot->settings.policy, revocations.get(), shared.sessions,
                         snapshot->settings.expiry_grace};
    }
};

}  // namespace postern::gateway
