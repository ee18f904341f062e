// The data that the gateway's event loops use: what all of them share, and what each of them owns.
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

/// Shared by all event loops; every member is thread-safe. It is used when a tunnel opens or ends, never
/// while bytes are relayed.
struct Shared {
    Clock clock;
    audit::Log& audit;
    Limits limits;
    ServiceSlots services;
    LoginSessions sessions;
    ConnectionDirectory directory;
    /// The budget of audit records for failed handshakes of unauthenticated peers.
    RecordBudget failed_handshakes;
    /// The budget of audit records for peers whose certificate of the user CA has expired or is not valid
    /// yet. It is separate, so that other failed handshakes do not use it up, and bounded, because for this a
    /// copy of one certificate is enough, without its key.
    RecordBudget untimely_certificates;
    /// The budget of audit records for peers that have proven to hold the key of a certificate.
    audit::BearerBudget bearers;
    SilentPeers silent = {};
    EvenClock even = even_clock();

    Moment now() const { return Moment{clock(), even()}; }
};

/// The data of one event loop. Everything but the atomic members is to be used on the loop's thread. A worker
/// outlives its loop.
struct Worker {
    Worker(boost::asio::io_context& loop_, Shared& shared_, SnapshotPtr snapshot_,
           RevocationsPtr revocations_, std::size_t pending_bound)
        : loop(loop_),
          shared(shared_),
          snapshot(std::move(snapshot_)),
          revocations(std::move(revocations_)),
          // One address gets at most half of the places, so that it leaves some to others whatever it does.
          pending(pending_bound, std::max<std::size_t>(1, pending_bound / 2)),
          turns(loop_) {}

    boost::asio::io_context& loop;
    Shared& shared;
    SnapshotPtr snapshot;
    /// Null while there is no CRL.
    RevocationsPtr revocations;
    net::PendingConnections pending;
    /// The turns, by address, of the handshakes of pending connections.
    net::FairTurns turns;
    /// The warm connections. Their bound is in Limits; none of them is cut to make room for a newer one.
    net::PendingConnections warm{std::numeric_limits<std::size_t>::max()};
    LiveConnections live;
    KnownIdentities identities;
    /// Records of tunnels that ended while the audit log could not be written; they are tried again every
    /// second. Their number is bounded by that of the tunnels that were open when the outage began, because
    /// nobody is let in without an audit log.
    std::deque<audit::Record> unwritten;

    /// Set when the gateway shuts down and lets no new tunnels in. Any thread may read it, and then finds in
    /// `tunnels` and `undecided` everything that was let in before.
    std::atomic<bool> is_draining = false;
    /// Tunnels that are being opened or are open, until their last record is written. Any thread may read it.
    std::atomic<std::size_t> tunnels = 0;
    /// Handshakes and refusals whose record, if they get one, is not written yet. Any thread may read it.
    std::atomic<std::size_t> undecided = 0;
    /// The last beat that this loop's thread has answered.
    std::atomic<std::uint64_t> beat = 0;

    Judgement judgement() const {
        return Judgement{shared.clock(), snapshot->settings.policy, revocations.get(), shared.sessions,
                         snapshot->settings.expiry_grace};
    }
};

}  // namespace postern::gateway
