#include "ca-service/store/gateway_lists.hpp"

#include <soci/soci.h>

namespace postern::ca::store {

Result<void> note_gateway_lists(Database& database, const std::vector<GatewayList>& lists) {
    auto transaction = Transaction::write(database);
    if (!transaction) {
        return transaction.error();
    }
    auto noted = guarded("cannot note what the gateways hold", [&]() -> Result<void> {
        for (const GatewayList& list : lists) {
            const auto number = static_cast<long long>(list.crl_number);
            const long long heard_at = to_stored(list.heard_at);
            database.session() << "INSERT INTO gateway_lists (gateway, crl_number, heard_at) "
                                  "VALUES (:gateway, :number, :heard) ON CONFLICT (gateway) DO UPDATE SET "
                                  "crl_number = excluded.crl_number, heard_at = excluded.heard_at",
                soci::use(list.gateway), soci::use(number), soci::use(heard_at);
        }
        return {};
    });
    return noted ? transaction->commit() : noted;
}

Result<std::vector<GatewayList>> gateway_lists(Database& database) {
    return guarded("cannot read what the gateways hold", [&]() -> Result<std::vector<GatewayList>> {
        std::vector<GatewayList> lists;
        std::string gateway;
        long long number = 0;
        long long heard_at = 0;
        soci::statement rows =
            (database.session().prepare
                 << "SELECT gateway, crl_number, heard_at FROM gateway_lists ORDER BY gateway",
             soci::into(gateway), soci::into(number), soci::into(heard_at));
        rows.execute();
        while (rows.fetch()) {
            lists.push_back({gateway, static_cast<std::uint64_t>(number), from_stored(heard_at)});
        }
        return lists;
    });
}

Result<long long> forget_gateway_lists(Database& database, SystemTime before) {
    return execute(database, "cannot tidy what the gateways hold",
                   "DELETE FROM gateway_lists WHERE heard_at < :before", before);
}

Result<NewestList> newest_list(Database& database) {
    return guarded("cannot read the newest list", [&]() -> Result<NewestList> {
        // One statement reads both, so that the two belong together.
        long long number = 0;
        long long revocations = 0;
        database.session() << "SELECT (SELECT value FROM counters WHERE name = 'crl_number'), "
                              "(SELECT value FROM counters WHERE name = 'crl_revocations')",
            soci::into(number), soci::into(revocations);
        if (revocations < 0) {
            return NewestList{};
        }
        return NewestList{static_cast<std::uint64_t>(number), static_cast<std::uint64_t>(revocations)};
    });
}

}  // namespace postern::ca::store
