// The tables of the store, and the steps from each version of them to the next.
#pragma once

#include "base/result.hpp"
#include "ca-service/store/database.hpp"

namespace postern::ca::store {

/// Applies the steps that the file has not seen, in order, each in one transaction. Fails with
/// Code::config_invalid when the file is newer than this program.
Result<void> migrate(Database& database);

/// Returns the version that this program writes.
int newest_schema_version() noexcept;
Result<int> schema_version(Database& database);

}  // namespace postern::ca::store
