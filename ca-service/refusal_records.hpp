// The records of what is refused. Strangers can fail as often as they like, and so can whoever has ever had a
// login; neither must be able to fill the audit log's disk by it, with which nobody would be let in: what
// goes beyond a budget is counted, and told of in one record.
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

/// Thread-safe.
class RefusalRecords {
public:
    RefusalRecords(audit::Log& log, std::size_t strangers_per_minute)
        : log_(log), strangers_(strangers_per_minute) {}

    /// Appends the record of a refusal, or counts it: under the name of who has proven a certificate, or as a
    /// stranger's. Where a thousand are being written, further ones are counted, too: their connections are
    /// not to wait for a slow disk in any number. What cannot be written is counted, and told of when it can.
    boost::asio::awaitable<Result<void>> async_append(audit::Record record,
                                                      std::optional<audit::Bearer> bearer = std::nullopt);
    /// For what costs more than its record, and is bounded by that: a password that was judged.
    boost::asio::awaitable<Result<void>> async_append_always(audit::Record record);

    /// Appends a record for strangers and one for bearers that were counted, if any. To be called every
    /// second or so, and at the end.
    void tell_of_others();

    /// From now on so many of strangers at once and a minute.
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
