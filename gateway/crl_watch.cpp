#include "gateway/crl_watch.hpp"

#include <utility>

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "base/file.hpp"
#include "base/log.hpp"
#include "pki/validity.hpp"

namespace postern::gateway {

namespace {

// A CA that does not answer must not hold up the one that does again: ask anew soon.
constexpr std::chrono::seconds kConnectPatience{2};
constexpr std::chrono::seconds kAnswerPatience{5};
constexpr std::size_t kLargestCrl = 64U << 20;

}  // namespace

CrlWatch::CrlWatch(SnapshotPtr snapshot, Clock clock, EvenClock even, Publish publish)
    : clock_(std::move(clock)),
      even_(std::move(even)),
      publish_(std::move(publish)),
      snapshot_(std::move(snapshot)) {
    read_file();
    thread_ = std::thread([this] { run(); });
}

CrlWatch::~CrlWatch() {
    stop();
    thread_.join();
}

void CrlWatch::stop() {
    {
        const std::lock_guard lock(mutex_);
        is_stopping_ = true;
    }
    wake_.notify_all();
}

void CrlWatch::set(SnapshotPtr snapshot) {
    {
        const std::lock_guard lock(mutex_);
        next_ = std::move(snapshot);
    }
    wake_.notify_all();
}

void CrlWatch::run() {
    while (true) {
        fetch();
        std::unique_lock lock(mutex_);
        wake_.wait_for(lock, snapshot_->settings.crl_refresh,
                       [&] { return is_stopping_ || next_ != nullptr; });
        if (is_stopping_) {
            return;
        }
        SnapshotPtr changed = std::exchange(next_, nullptr);
        lock.unlock();
        if (changed != nullptr) {
            adopt(std::move(changed));
        }
    }
}

void CrlWatch::adopt(SnapshotPtr snapshot) {
    snapshot_ = std::move(snapshot);
    client_.reset();
    etag_.clear();
    const bool had_one = current_.get() != nullptr;
    current_.verify_again(snapshot_->user_ca);
    if (had_one && current_.get() == nullptr) {
        spdlog::warn("event=crl.dropped reason={}", quoted("the new user CA bundle does not vouch for it"));
        publish_(nullptr);
    }
}

void CrlWatch::fetch() {
    if (!client_) {
        http::ClientOptions options;
        options.url = snapshot_->settings.ca_url;
        options.server_ca = snapshot_->server_ca;
        options.trust_domain = snapshot_->settings.trust_domain;
        options.connect_patience = kConnectPatience;
        options.answer_patience = kAnswerPatience;
        auto client = http::Client::make(std::move(options));
        if (!client) {
            tell(client.error());
            return;
        }
        client_.emplace(std::move(*client));
    }
    // What the answer holds is not younger than the question.
    const EvenTime asked_at = even_();
    auto answer = client_->get("/v1/crl", etag_);
    if (!answer) {
        tell(answer.error());
        return;
    }
    take(*answer, asked_at);
}

void CrlWatch::take(const http::ClientAnswer& answer, EvenTime asked_at) {
    if (answer.status == 304) {
        complaint_.clear();
        return;
    }
    if (answer.status != 200) {
        tell(Failure{Code::unavailable, fmt::format("the CA service answered {}", answer.status)});
        return;
    }
    if (answer.body == current_.der()) {
        etag_ = answer.etag;
        complaint_.clear();
        return;
    }
    const RevocationsPtr before = current_.get();
    auto taken = current_.offer(answer.body, snapshot_->user_ca, Moment{clock_(), asked_at});
    if (!taken) {
        tell(taken.error());
        if (current_.get() != before) {
            spdlog::warn("event=crl.revocations_added revoked={}", current_.get()->crl.size());
            publish_(current_.get());
        }
        return;
    }
    etag_ = answer.etag;
    complaint_.clear();
    const pki::Crl& crl = (*taken)->crl;
    spdlog::info("event=crl.updated number={} revoked={} next_update={}", crl.number(), crl.size(),
                 format_time(crl.next_update()));
    if (pki::is_over(crl.next_update(), clock_())) {
        spdlog::warn("event=crl.over next_update={} hint={}", format_time(crl.next_update()),
                     quoted("check this machine's clock and the CA's"));
    }
    publish_(*taken);
    write_file();
}

void CrlWatch::tell(const Failure& failure) {
    std::string complaint =
        fmt::format("reason={} detail={}", name(failure.code), quoted(failure.detail, 512));
    if (complaint != complaint_) {
        spdlog::warn("event=crl.not_fetched url={} {}", snapshot_->settings.ca_url, complaint);
        complaint_ = std::move(complaint);
    }
}

void CrlWatch::read_file() {
    const auto& file = snapshot_->settings.crl_file;
    if (!file) {
        return;
    }
    auto der = postern::read_file(*file, kLargestCrl);
    if (!der) {
        if (der.error().code != Code::not_found) {
            spdlog::warn("event=crl.file_not_read detail={}", quoted(der.error().detail, 512));
        }
        return;
    }
    auto taken = current_.offer(*der, snapshot_->user_ca, Moment{clock_(), even_()});
    if (!taken) {
        spdlog::warn("event=crl.file_not_taken file={} reason={} detail={}", file->string(),
                     name(taken.error().code), quoted(taken.error().detail, 512));
        return;
    }
    spdlog::info("event=crl.from_file number={} next_update={}", (*taken)->crl.number(),
                 format_time((*taken)->crl.next_update()));
    publish_(*taken);
}

void CrlWatch::write_file() {
    const auto& file = snapshot_->settings.crl_file;
    if (!file) {
        return;
    }
    if (auto written = postern::write_file(*file, current_.der(), 0600); !written) {
        spdlog::warn("event=crl.file_not_written detail={}", quoted(written.error().detail, 512));
    }
}

}  // namespace postern::gateway
