// The records of what strangers are refused. They can fail as often as they like, and must not be able to
// fill the audit log's disk by it, with which nobody would be let in: what goes beyond a budget is counted,
// and told of in one record.
#pragma once

#include <atomic>
#include <cstddef>

#include <boost/asio/awaitable.hpp>

#include "audit/log.hpp"
#include "audit/record.hpp"
#include "base/record_budget.hpp"

namespace postern::ca {

/// Thread-safe.
class StrangerRecords {
public:
    StrangerRecords(audit::Log& log, std::size_t per_minute) : log_(log), budget_(per_minute) {}

    /// Appends the record of a refusal, or counts it. Blocks while it is written.
    Result<void> append(const audit::Record& record);
    /// The same on a loop. Where a thousand are being written, further ones are counted: their connections
    /// are not to wait for a slow disk in any number.
    boost::asio::awaitable<Result<void>> async_append(audit::Record record);

    /// Counts a refusal that has no record of its own for another reason.
    void leave_out() { budget_.leave_out(); }

    /// Appends one record for those that were counted, if any. To be called every second or so, and at the
    /// end.
    void tell_of_others();

    /// From now on so many at once and a minute.
    void set(std::size_t per_minute) { budget_.set(per_minute); }

private:
    bool has_its_own();

    audit::Log& log_;
    RecordBudget budget_;
    std::atomic<std::size_t> under_way_ = 0;
};

}  // namespace postern::ca
