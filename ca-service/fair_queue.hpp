// A bounded queue with fair queueing between its flows, here called lanes, so that one user's many jobs do
// not delay another user's single job. Jobs of one lane wait for each other, the lanes of one rank take turns
// (start-time fair queueing), and a lower rank is served first. Where all places are taken, the job that
// would be served last gives way.
#pragma once

#include <algorithm>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>

namespace postern::ca {

/// The lane of a job, and its rank, which is its priority.
struct Turn {
    /// The flow that the job belongs to: there is one for each user, or for each stranger's address.
    std::string lane;
    /// Jobs of a lower rank are served first, however many they are.
    unsigned rank = 0;
};

/// A queue of at most `bound` jobs, and of one at least. Not thread-safe.
template <class Job>
class FairQueue {
public:
    explicit FairQueue(std::size_t bound) : bound_(std::max<std::size_t>(1, bound)) {}

    /// Queues `job`. Returns nothing while there are places. Where all are taken, returns the job that would
    /// be served last, which may be `job` itself.
    std::optional<Job> push(const Turn& turn, Job job) {
        std::optional<Job> displaced;
        const auto found = lanes_.find(turn.lane);
        const std::uint64_t before = found == lanes_.end() ? now_ : std::max(now_, found->second.last);
        const std::uint64_t round = before + 1;
        if (waiting_.size() >= bound_) {
            const auto last = std::prev(waiting_.end());
            if (std::pair(last->first.rank, last->first.round) <= std::pair(turn.rank, round)) {
                return job;
            }
            displaced = take(last).job;
        }
        Lane& lane = lanes_[turn.lane];
        lane.last = round;
        ++lane.waiting;
        waiting_.emplace(Place{turn.rank, round, ++arrivals_}, Waiting{turn.lane, before, std::move(job)});
        return displaced;
    }

    /// Takes the next job; returns nothing when the queue is empty.
    std::optional<Job> pop() {
        if (waiting_.empty()) {
            return std::nullopt;
        }
        const auto first = waiting_.begin();
        now_ = std::max(now_, first->first.round);
        // A job that was served stays charged to its lane.
        first->second.before = first->first.round;
        return take(first).job;
    }

    std::size_t size() const { return waiting_.size(); }
    bool empty() const { return waiting_.empty(); }

private:
    struct Lane {
        /// The round of the lane's last job.
        std::uint64_t last = 0;
        std::size_t waiting = 0;
    };
    struct Waiting {
        std::string lane;
        /// The value of Lane::last without this job.
        std::uint64_t before = 0;
        Job job;
    };
    /// Orders the jobs by rank, then by round, then by arrival.
    struct Place {
        unsigned rank = 0;
        std::uint64_t round = 0;
        std::uint64_t arrival = 0;
        auto operator<=>(const Place&) const = default;
    };
    using Order = std::map<Place, Waiting>;

    Waiting take(typename Order::iterator place) {
        Waiting taken = std::move(place->second);
        const std::uint64_t round = place->first.round;
        waiting_.erase(place);
        const auto lane = lanes_.find(taken.lane);
        if (lane->second.last == round) {
            lane->second.last = taken.before;
        }
        if (--lane->second.waiting == 0) {
            lanes_.erase(lane);
        }
        return taken;
    }

    const std::size_t bound_;
    std::uint64_t now_ = 0;
    std::uint64_t arrivals_ = 0;
    Order waiting_;
    std::unordered_map<std::string, Lane> lanes_;
};

}  // namespace postern::ca
