#include "gateway/server/crl_watch.hpp"

#include <cctype>
#include <utility>

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "base/file.hpp"
#include "base/log.hpp"
#include "pki/validity.hpp"

namespace postern::gateway {

namespace {

/// This timeout is short, so that a CA that does not answer is soon asked anew and found when it works again.
constexpr std::chrono::seconds kConnectTimeout{2};
constexpr std::chrono::seconds kAnswerTimeout{5};
/// A long list over a slow line may take any time as long as it arrives at this rate.
constexpr std::size_t kLeastBytesPerSecond = 8U << 10;
/// When the deltas have this many bytes, the complete list is fetched again; it no longer contains what has
/// expired.
constexpr std::size_t kMostChanges = 1U << 20;
/// How soon the complete list is requested again while the deltas are that long.
constexpr std::chrono::minutes kCompleteAgainAfter{1};
/// How long the gateway does not show its certificate to a CA that did not accept it.
constexpr std::chrono::minutes kAnonymousFor{10};

Failure refusal_of(const http::ClientAnswer& answer) {
    const std::string why = answer.problem ? ": " + answer.problem->title : std::string();
    return Failure{Code::unavailable, fmt::format("the CA service answered {}{}", answer.status, why)};
}

/// The file of the deltas since the list in `crl_file`.
std::filesystem::path changes_file(const std::filesystem::path& crl_file) {
    return std::filesystem::path(crl_file).concat(".changes");
}

}  // namespace

CrlWatch::CrlWatch(SnapshotPtr snapshot, Clock clock, EvenClock even, Publish publish)
    : clock_(std::move(clock)),
      even_(std::move(even)),
      publish_(std::move(publish)),
      snapshot_(std::move(snapshot)) {
    read_files();
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

bool CrlWatch::is_stopping() {
    const std::lock_guard lock(mutex_);
    return is_stopping_;
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
    anonymous_until_.reset();
    etag_.clear();
    const bool had_one = current_.get() != nullptr;
    current_.verify_again(snapshot_->user_ca);
    if (had_one && current_.get() == nullptr) {
        spdlog::warn("event=crl.dropped reason={}", quoted("the new user CA bundle does not vouch for it"));
        publish_(nullptr);
    }
}

bool CrlWatch::make_client() {
    const bool is_anonymous = anonymous_until_ && even_() < *anonymous_until_;
    if (client_ && is_anonymous == is_anonymous_) {
        return true;
    }
    http::ClientOptions options;
    options.url = snapshot_->settings.ca_url();
    options.server_ca = snapshot_->server_ca;
    options.trust_domain = snapshot_->settings.trust_domain;
    if (!is_anonymous) {
        // By this certificate the CA knows which gateway has which list.
        options.credentials = net::TlsCredentials{snapshot_->key, snapshot_->chain};
    }
    options.connect_timeout = kConnectTimeout;
    options.answer_timeout = kAnswerTimeout;
    options.least_bytes_per_second = kLeastBytesPerSecond;
    options.longest_answer = pki::kLongestCrl;
    options.is_wanted = [this] { return !is_stopping(); };
    auto client = http::Client::make(std::move(options));
    if (!client) {
        tell(client.error());
        return false;
    }
    client_.emplace(std::move(*client));
    is_anonymous_ = is_anonymous;
    return true;
}

/// Handles a failed request. A CA that does not accept this gateway's certificate gives its list to anybody,
/// so the next requests do without the certificate.
void CrlWatch::fail(const Failure& failure) {
    if (failure.code == Code::cancelled) {
        return;
    }
    if (!client_->was_certificate_refused()) {
        tell(failure);
        return;
    }
    spdlog::warn("event=crl.certificate_not_taken url={} reason={} hint={}", snapshot_->settings.ca_url(),
                 name(failure.code),
                 quoted("the list is fetched without it; the CA cannot say then whether this gateway has a "
                        "revocation"));
    anonymous_until_ = even_() + kAnonymousFor;
}

void CrlWatch::fetch() {
    if (!make_client()) {
        return;
    }
    const bool is_long = changes_.size() > kMostChanges && even_() >= complete_again_at_;
    if (current_.get() == nullptr || is_long) {
        complete_again_at_ = even_() + kCompleteAgainAfter;
        fetch_complete();
    }
    // The request for the next change tells the CA that the last one is in force here.
    while (!fetch_changes() && !is_stopping()) {
    }
}

void CrlWatch::fetch_complete() {
    // The answer is at least as recent as the request, so the age of the list is counted from the request.
    const EvenTime asked_at = even_();
    auto answer = client_->get("/v1/crl", etag_);
    if (!answer) {
        fail(answer.error());
        return;
    }
    take(*answer, asked_at);
}

bool CrlWatch::fetch_changes() {
    if (current_.get() == nullptr) {
        return true;
    }
    const EvenTime asked_at = even_();
    const std::uint64_t number = current_.get()->crl.number();
    auto answer = client_->get(fmt::format("/v1/crl/changes?after={}", number));
    if (!answer) {
        fail(answer.error());
        return true;
    }
    switch (answer->status) {
        case 200:
            return take_changes(std::move(answer->body), asked_at);
        case 204:
            end_complaint();
            return true;
        case 404:
            // The CA service no longer has the deltas since this number, or its version knows no deltas.
            fetch_complete();
            return current_.get()->crl.number() == number;
        default:
            tell(refusal_of(*answer));
            return true;
    }
}

void CrlWatch::take(const http::ClientAnswer& answer, EvenTime asked_at) {
    if (answer.status == 304) {
        if (!is_ahead_) {
            end_complaint();
        }
        return;
    }
    if (answer.status != 200) {
        tell(refusal_of(answer));
        return;
    }
    const RevocationsPtr before = current_.get();
    auto taken = current_.offer(answer.body, snapshot_->user_ca, Moment{clock_(), asked_at});
    // The CA's complete list is older than the deltas. Its ETag is kept, so that the same list is not fetched
    // again.
    is_ahead_ = !taken && before != nullptr && taken.error().code == Code::crl_stale;
    if (taken || is_ahead_) {
        etag_ = answer.etag;
    }
    if (!taken) {
        tell(taken.error());
        publish_added(before);
        return;
    }
    end_complaint();
    if (*taken == before) {
        return;
    }
    changes_.clear();
    use(*taken);
    if (const auto& file = snapshot_->settings.crl_file) {
        write_file(*file, answer.body);
        // The deltas are removed only after the new list is written. If the gateway stops in between, they do
        // not continue the new list, and are ignored when they are read.
        std::error_code ignored;
        std::filesystem::remove(changes_file(*file), ignored);
    }
}

bool CrlWatch::take_changes(std::string changes, EvenTime asked_at) {
    const RevocationsPtr before = current_.get();
    const std::uint64_t number = before->crl.number();
    auto taken = current_.offer_changes(changes, Moment{clock_(), asked_at});
    if (!taken) {
        const Code code = taken.error().code;
        if (code == Code::not_yet_valid || code == Code::expired) {
            tell(taken.error());
            publish_added(before);
        } else {
            // The deltas may be of another key than the current list, for example.
            fetch_complete();
        }
        return current_.get()->crl.number() == number;
    }
    end_complaint();
    if ((*taken)->crl.number() == number) {
        return true;
    }
    use(*taken);
    changes_ += changes;
    if (const auto& file = snapshot_->settings.crl_file) {
        write_file(changes_file(*file), changes_);
    }
    return false;
}

void CrlWatch::publish_added(const RevocationsPtr& before) {
    if (current_.get() == before) {
        return;
    }
    spdlog::warn("event=crl.revocations_added revoked={}", current_.get()->crl.size());
    publish_(current_.get());
}

void CrlWatch::use(const RevocationsPtr& taken) {
    const pki::Crl& crl = taken->crl;
    spdlog::info("event=crl.updated number={} revoked={} next_update={}", crl.number(), crl.size(),
                 format_time(crl.next_update()));
    if (pki::is_over(crl.next_update(), clock_())) {
        spdlog::warn("event=crl.over next_update={} hint={}", format_time(crl.next_update()),
                     quoted("check this machine's clock and the CA's"));
    }
    publish_(taken);
}

void CrlWatch::tell(const Failure& failure) {
    const std::string complaint =
        fmt::format("reason={} detail={}", name(failure.code), quoted(failure.detail, 512));
    // Times and numbers differ with each attempt and do not make the failure another one.
    std::string kind = complaint;
    std::erase_if(kind, [](unsigned char c) { return std::isdigit(c) != 0; });
    if (kind != complaint_) {
        spdlog::warn("event=crl.not_fetched url={} {}", snapshot_->settings.ca_url(), complaint);
        complaint_ = std::move(kind);
    }
}

void CrlWatch::end_complaint() {
    if (!complaint_.empty()) {
        spdlog::info("event=crl.fetched_again url={}", snapshot_->settings.ca_url());
        complaint_.clear();
    }
}

void CrlWatch::read_files() {
    const auto& file = snapshot_->settings.crl_file;
    if (!file) {
        return;
    }
    auto der = postern::read_file(*file, pki::kLongestCrl);
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
    read_changes(changes_file(*file));
    const pki::Crl& crl = current_.get()->crl;
    spdlog::info("event=crl.from_file number={} next_update={}", crl.number(),
                 format_time(crl.next_update()));
    publish_(current_.get());
}

void CrlWatch::read_changes(const std::filesystem::path& file) {
    auto changes = postern::read_file(file, pki::kLongestCrl);
    if (!changes) {
        if (changes.error().code != Code::not_found) {
            spdlog::warn("event=crl.file_not_read detail={}", quoted(changes.error().detail, 512));
        }
        return;
    }
    if (auto taken = current_.offer_changes(*changes, Moment{clock_(), even_()}); !taken) {
        spdlog::warn("event=crl.file_not_taken file={} reason={} detail={}", file.string(),
                     name(taken.error().code), quoted(taken.error().detail, 512));
        return;
    }
    changes_ = std::move(*changes);
}

void CrlWatch::write_file(const std::filesystem::path& file, std::string_view bytes) {
    if (auto written = postern::write_file(file, bytes, 0600); !written) {
        spdlog::warn("event=crl.file_not_written detail={}", quoted(written.error().detail, 512));
    }
}

}  // namespace postern::gateway
