#include "ca-service/catalogue.hpp"

#include <map>

#include "ca-service/store/certificates.hpp"

namespace postern::ca {

Result<std::vector<ListedService>> listed_services(store::Database& database, const Config& config,
                                                   SystemTime now) {
    const auto certified = store::certified_services(database, now);
    if (!certified) {
        return certified.error();
    }
    std::map<std::string, ListedService> by_name;
    for (const store::CertifiedService& one : *certified) {
        ListedService& listed = by_name[one.name];
        listed.service.name = one.name;
        listed.certified_until = one.until;
    }
    for (const CatalogueService& service : config.services) {
        ListedService& listed = by_name[service.name];
        listed.service = service;
        listed.is_in_config = true;
    }
    std::vector<ListedService> all;
    for (auto& [name, listed] : by_name) {
        all.push_back(std::move(listed));
    }
    return all;
}

}  // namespace postern::ca
