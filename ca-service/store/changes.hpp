// A number for each change of the store that the audit log records. Both the store and the log hold it, so
// that a store that was restored from a copy is noticed: the log is further than the store.
#pragma once

#include <cstdint>

#include "base/result.hpp"
#include "ca-service/store/database.hpp"

namespace postern::ca::store {

/// Returns the number of the last change; inside a transaction that has begun a change, the number of that
/// one.
Result<std::uint64_t> change_counter(Database& database);
/// Numbers the change of this write transaction. No number is given twice: fails with Code::unavailable when
/// the log (Database::set_newest_recorded()) holds a change that was interrupted before its commit, which has
/// to be finished first.
Result<void> begin_change(Database& database);
/// Sets the number of the last change, for a store that has caught up with its log.
Result<void> set_change_counter(Database& database, std::uint64_t number);

}  // namespace postern::ca::store
