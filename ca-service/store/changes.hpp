// A number for each change of the store that the audit log tells of. Both bear it, so that a store that was
// put back from a copy is noticed: the log is further than the store.
#pragma once

#include <cstdint>

#include "base/result.hpp"
#include "ca-service/store/database.hpp"

namespace postern::ca::store {

/// The number of the last change; inside a transaction that has begun one, of that.
Result<std::uint64_t> change_counter(Database& database);
/// Numbers the change of this write transaction. No number is given twice: Code::unavailable where a change is
/// recorded (Database::set_newest_recorded) that was interrupted before it was committed, and that has to be finished
/// first.
Result<void> begin_change(Database& database);
/// For a store that has caught up with its log.
Result<void> set_change_counter(Database& database, std::uint64_t number);

}  // namespace postern::ca::store
