// Writes one JSON object as a line of ASCII, field by field in the order of the calls. A field is named by
// its path ("source.ip"). Each connection has two records, so for speed no JSON tree is built.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

namespace postern::audit {

/// Not thread-safe.
class JsonLine {
public:
    /// The members of the objects in `extras` are added where the line has no member of that name; where two
    /// of the objects have the same member, the first one counts. The objects must outlive this one. Fields
    /// of the same nested object must be written one after the other.
    explicit JsonLine(std::vector<const nlohmann::ordered_json*> extras);

    void text(std::string_view path, std::string_view value);
    void number(std::string_view path, std::uint64_t value);
    void texts(std::string_view path, const std::vector<std::string>& values);
    /// Writes `value`, which is JSON already, as it is.
    void json(std::string_view path, std::string_view value);
    /// Writes the object at `path`, even if no field follows in it.
    void object(std::string_view path);
    /// Closes the open objects and returns the line. It may be called once.
    std::string finish();

private:
    /// An object that is being written.
    struct Level {
        std::string_view name;
        /// The index in `names_` of this object's first member.
        std::size_t first_name = 0;
        std::vector<const nlohmann::ordered_json*> extras;
    };

    void begin(std::string_view path);
    void open(std::string_view name);
    void close();
    void begin_member(std::string_view name);
    void put(std::string_view value);

    std::string line_;
    std::vector<Level> levels_;
    std::vector<std::string_view> names_;
};

}  // namespace postern::audit
