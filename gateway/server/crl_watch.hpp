// Keeps the CRL fresh: a thread of its own asks the CA service every crl_refresh for what changed since the
// list at hand, or for the whole list, verifies what comes, keeps it on disk and publishes it. Nothing else
// waits for the CA.
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

class CrlWatch {
public:
    /// Called on the constructor's thread with the CRL of the disk, if there is a good one, then on the
    /// watch's thread at every change; null when a reload took the trust away from what was at hand.
    using Publish = std::function<void(RevocationsPtr)>;

    /// Lists are judged by `clock`, the receipt of them counts by `even`.
    CrlWatch(SnapshotPtr snapshot, Clock clock, EvenClock even, Publish publish);
    /// Stops and joins; waits for the answer that is under way, or for the look-up of the CA's name.
    ~CrlWatch();
    CrlWatch(const CrlWatch&) = delete;
    CrlWatch& operator=(const CrlWatch&) = delete;

    /// Asks for no further CRL. Does not wait: one may still be published after this.
    void stop();

    /// After a reload: other addresses, trust bundles, times.
    void set(SnapshotPtr snapshot);

private:
    void run();
    void adopt(SnapshotPtr snapshot);
    void fetch();
    bool make_client();
    void fail(const Failure& failure);
    /// Whether there is nothing left to ask for: the list at hand is the newest, or there was a failure.
    bool fetch_changes();
    void fetch_complete();
    void take(const http::ClientAnswer& answer, EvenTime asked_at);
    bool take_changes(std::string changes, EvenTime asked_at);
    void use(const RevocationsPtr& taken);
    /// What a list that was refused has added to the one at hand.
    void publish_added(const RevocationsPtr& before);
    /// Once for as long as it stays the same.
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
    /// Handed over by set().
    SnapshotPtr next_;

    // The watch's thread alone.
    SnapshotPtr snapshot_;
    CurrentCrl current_;
    std::optional<http::Client> client_;
    /// Until then this gateway does not show its certificate, which the CA did not take.
    std::optional<EvenTime> anonymous_until_;
    bool is_anonymous_ = false;
    std::string etag_;
    /// Of the whole list that the CA hands out.
    bool is_ahead_ = false;
    EvenTime complete_again_at_{};
    /// Since the complete list that is on disk, as they came.
    std::string changes_;
    /// What was last complained of, without its numbers, so that an outage is one line and its end another.
    std::string complaint_;
    std::thread thread_;
};

}  // namespace postern::gateway
