// The audit records of refusals. Strangers can fail as often as they like, and so can everybody who ever had
// a login. Neither must be able to fill the audit log's disk that way, since nobody would be let in then.
// Refusals beyond a budget are counted and reported in one record.
#pragma once

#include <atomic>
#include <cstddef>
#include <optional>

#include <boost/asio/awaitable.hpp>

#include "audit/bearer_budget.hpp"
#include "audit/log.hpp"
#include "audit/record.hpp"
#include "base/record_budget.hpp"

namespace postern::ca {

/// Appends the records within their budgets. Thread-safe.
class RefusalRecords {
public:
    RefusalRecords(audit::Log& log, std::size_t strangers_per_minute)
        : log_(log), strangers_(strangers_per_minute) {}

    /// Appends the record of a refusal, or counts it: in the budget of `bearer`, who has proven a
    /// certificate, or in that of strangers. While a thousand records are being written, further ones are
    /// counted too, so that not any number of connections waits for a slow disk. A record that cannot be
    /// written is counted, and reported when the log can be written again. Fails with
    /// Code::audit_unavailable.
    boost::asio::awaitable<Result<void>> async_append(audit::Record record,
                                                      std::optional<audit::Bearer> bearer = std::nullopt);
    /// Appends a record without a budget. It is for refusals that cost more than their record and are bounded
    /// by that: a password that was judged.
    boost::asio::awaitable<Result<void>> async_append_always(audit::Record record);

    /// Appends one record for the strangers and one for the bearers whose refusals were only counted, if
    /// there are any. Call it about every second, and at the end.
    void tell_of_others();

    /// Sets how many records strangers may cause, at once and per minute.
    void set(std::size_t strangers_per_minute) { strangers_.set(strangers_per_minute); }

private:
    boost::asio::awaitable<Result<void>> write(audit::Record record, std::optional<audit::Bearer> bearer);
    bool has_its_own(const std::optional<audit::Bearer>& bearer);
    void leave_out(const std::optional<audit::Bearer>& bearer);

    audit::Log& log_;
    RecordBudget strangers_;
    audit::BearerBudget bearers_;
    std::atomic<std::size_t> under_way_ = 0;
};

}  // namespace postern::ca
