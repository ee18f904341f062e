#include "ca-service/refusal_records.hpp"

#include <chrono>
#include <utility>

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "base/counted.hpp"
#include "base/log.hpp"
#include "base/outage.hpp"

namespace postern::ca {

namespace {

constexpr std::size_t kMostUnderWay = 1024;

bool is_told(audit::Log& log, const audit::Record& record) {
    const auto written = log.append(record);
    // The append is tried again each second until it works.
    static Outage outage;
    if (!written && outage.fails(std::chrono::steady_clock::now())) {
        spdlog::error("event=audit.failed detail={}", quoted(written.error().detail, 512));
    }
    return written.has_value();
}

}  // namespace

bool RefusalRecords::has_its_own(const std::optional<audit::Bearer>& bearer) {
    const auto now = std::chrono::steady_clock::now();
    return bearer ? bearers_.take(*bearer, now) : strangers_.take(now);
}

void RefusalRecords::leave_out(const std::optional<audit::Bearer>& bearer) {
    bearer ? bearers_.leave_out(*bearer) : strangers_.leave_out();
}

boost::asio::awaitable<Result<void>> RefusalRecords::async_append(audit::Record record,
                                                                  std::optional<audit::Bearer> bearer) {
    const Counted counted(under_way_);
    if (under_way_ > kMostUnderWay) {
        leave_out(bearer);
        co_return Result<void>();
    }
    if (!has_its_own(bearer)) {
        co_return Result<void>();
    }
    auto writing = write(std::move(record), std::move(bearer));
    Result<void> written = co_await std::move(writing);
    co_return written;
}

boost::asio::awaitable<Result<void>> RefusalRecords::async_append_always(audit::Record record) {
    std::optional<audit::Bearer> nobody;
    return write(std::move(record), std::move(nobody));
}

boost::asio::awaitable<Result<void>> RefusalRecords::write(audit::Record record,
                                                           std::optional<audit::Bearer> bearer) {
    auto appending = log_.async_append(std::move(record));
    Result<void> written = co_await std::move(appending);
    if (!written) {
        leave_out(bearer);
    }
    co_return written;
}

void RefusalRecords::tell_of_others() {
    if (const std::size_t count = strangers_.take_untold(); count > 0) {
        spdlog::warn("event=connection.rejected more={} reason={}", count, name(Code::limit_reached));
        const audit::Record record = audit::record_of_more(
            count, audit::Stage::limit,
            fmt::format("{} more connections and requests were refused meanwhile.", count));
        if (!is_told(log_, record)) {
            strangers_.put_back(count);
        }
    }
    if (const audit::BearerBudget::Untold untold = bearers_.take_untold(); untold.count > 0) {
        spdlog::warn("event=request.refused more={} reason={}", untold.count, name(Code::limit_reached));
        if (!is_told(log_, audit::record_of_more(untold))) {
            bearers_.put_back(untold);
        }
    }
}

}  // namespace postern::ca
