// Keeps the CRL current. A thread asks the CA service once every crl_refresh for what changed since the
// current list, or for the complete list. It verifies the answer, stores it on disk and publishes it. No
// other thread waits for the CA.
#pragma once

#include <condition_variable>
#include <filesystem>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "base/clock.hpp"
#include "base/even_clock.hpp"
#include "gateway/policy/current_crl.hpp"
#include "gateway/policy/snapshot.hpp"
#include "http/client.hpp"

namespace postern::gateway {

/// The thread that fetches the CRL.
class CrlWatch {
public:
    /// Called on the constructor's thread with the CRL from disk, if there is a valid one, and later on the
    /// watch's thread after each change. The argument is null when a reload has removed the trust in the
    /// current CRL.
    using Publish = std::function<void(RevocationsPtr)>;

    /// The times in a CRL are compared with `clock`; its age since it was received is measured with `even`.
    CrlWatch(SnapshotPtr snapshot, Clock clock, EvenClock even, Publish publish);
    /// Stops and joins the thread. It waits for a pending answer of the CA, or for the look-up of its name.
    ~CrlWatch();
    CrlWatch(const CrlWatch&) = delete;
    CrlWatch& operator=(const CrlWatch&) = delete;

    /// Stops without waiting: a CRL may still be published after this call. Thread-safe.
    void stop();

    /// Hands over the snapshot of a reload, with other addresses, trust bundles and times. Thread-safe.
    void set(SnapshotPtr snapshot);

private:
    void run();
    void adopt(SnapshotPtr snapshot);
    void fetch();
    bool make_client();
    void fail(const Failure& failure);
    /// Returns true when there is nothing left to ask for: the current list is the newest, or the request
    /// failed.
    bool fetch_changes();
    void fetch_complete();
    void take(const http::ClientAnswer& answer, EvenTime asked_at);
    bool take_changes(std::string changes, EvenTime asked_at);
    void use(const RevocationsPtr& taken);
    /// Publishes the revocations that a refused list has added to the current one.
    void publish_added(const RevocationsPtr& before);
    /// Logs a failure, once until another one or a success.
    void tell(const Failure& failure);
    void end_complaint();
    void read_files();
    void read_changes(const std::filesystem::path& file);
    void write_file(const std::filesystem::path& file, std::string_view bytes);
    bool is_stopping();

    const Clock clock_;
    const EvenClock even_;
    Publish publish_;
    std::mutex mutex_;
    std::condition_variable wake_;
    bool is_stopping_ = false;
    /// The snapshot that set() has handed over.
    SnapshotPtr next_;

    // The members from here on are used only on the watch's thread.
    SnapshotPtr snapshot_;
    CurrentCrl current_;
    std::optional<http::Client> client_;
    /// Until then the gateway does not show its certificate, because the CA did not accept it.
    std::optional<EvenTime> anonymous_until_;
    bool is_anonymous_ = false;
    std::string etag_;
    /// True while the current list is newer than the complete list that the CA hands out.
    bool is_ahead_ = false;
    EvenTime complete_again_at_{};
    /// The deltas since the complete list on disk, concatenated as they were received.
    std::string changes_;
    /// The last logged failure without its digits, so that an outage is logged in one line and its end in
    /// another.
    std::string complaint_;
    std::thread thread_;
};

}  // namespace postern::gateway
