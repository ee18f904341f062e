#include "ca-service/store/changes.hpp"

#include <fmt/format.h>
#include <soci/soci.h>

namespace postern::ca::store {

Result<std::uint64_t> change_counter(Database& database) {
    return guarded("cannot read the change counter", [&]() -> Result<std::uint64_t> {
        long long value = 0;
        database.session() << "SELECT value FROM counters WHERE name = 'changes'", soci::into(value);
        return static_cast<std::uint64_t>(value);
    });
}

Result<void> begin_change(Database& database) {
    if (const Database::NewestRecorded& recorded = database.newest_recorded()) {
        const auto counter = change_counter(database);
        const auto newest = counter ? recorded() : counter;
        if (!newest) {
            return newest.error();
        }
        if (*newest > *counter) {
            return Failure{Code::unavailable,
                           fmt::format("change {} was recorded and not committed; it is finished first", *newest)};
        }
    }
    return guarded("cannot number the change", [&]() -> Result<void> {
        database.session() << "UPDATE counters SET value = value + 1 WHERE name = 'changes'";
        return {};
    });
}

Result<void> set_change_counter(Database& database, std::uint64_t number) {
    return guarded("cannot number the change", [&]() -> Result<void> {
        const auto value = static_cast<long long>(number);
        database.session() << "UPDATE counters SET value = :value WHERE name = 'changes'", soci::use(value);
        return {};
    });
}

}  // namespace postern::ca::store
