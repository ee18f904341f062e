#include "ca-service/store/familiar_places.hpp"

#include <algorithm>

#include <soci/soci.h>

namespace postern::ca::store {

Result<void> note_familiar_place(Database& database, const FamiliarPlace& place, SystemTime now) {
    return guarded("cannot note where a login came from", [&]() -> Result<void> {
        soci::session& sql = database.session();
        const long long at = to_stored(now);
        const long long most = static_cast<long long>(kMostPlacesOfAUser);
        sql << "INSERT INTO familiar_places (user_name, network, last_login_at) VALUES (:user, :network, "
               ":at) "
               "ON CONFLICT (user_name, network) DO UPDATE SET last_login_at = excluded.last_login_at",
            soci::use(place.user), soci::use(place.network), soci::use(at);
        sql << "DELETE FROM familiar_places WHERE user_name = :user AND network NOT IN (SELECT network FROM "
               "familiar_places WHERE user_name = :same ORDER BY last_login_at DESC, network LIMIT :most)",
            soci::use(place.user), soci::use(place.user), soci::use(most);
        return {};
    });
}

Result<std::vector<FamiliarPlace>> familiar_places(Database& database, std::size_t most) {
    return guarded("cannot read where logins came from", [&]() -> Result<std::vector<FamiliarPlace>> {
        std::vector<FamiliarPlace> places;
        FamiliarPlace place;
        const long long limit = static_cast<long long>(most);
        soci::statement rows =
            (database.session().prepare
                 << "SELECT user_name, network FROM familiar_places ORDER BY last_login_at DESC, user_name, "
                    "network LIMIT :most",
             soci::use(limit), soci::into(place.user), soci::into(place.network));
        rows.execute();
        while (rows.fetch()) {
            places.push_back(place);
        }
        std::reverse(places.begin(), places.end());
        return places;
    });
}

Result<long long> forget_familiar_places(Database& database, SystemTime before) {
    return execute(database, "cannot tidy where logins came from",
                   "DELETE FROM familiar_places WHERE last_login_at < :before", before);
}

}  // namespace postern::ca::store
