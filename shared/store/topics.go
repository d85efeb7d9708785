package store

// Topics of events: each is the function that takes them, and its route for them.
const (
	TopicRequest      = "policy-request/work"          // a step of an application that shows a policy, or is for a first one
	TopicRefresh      = "policy-request/refresh"       // the copies of a record that has changed
	TopicForget       = "policy-request/forget"        // an account has no copy of a record any more, and is not to be found by it
	TopicReport       = "policy-request/report"        // the month to report changed data comes to its end
	TopicChoice       = "smo-selection/work"           // a step of the choice of an insurer
	TopicLifecycle    = "policy-lifecycle/work"        // a step of a suspension, a resumption or a restoration
	TopicCase         = "review-desk/cases"            // an application has come to its reviewers, or was decided
	TopicSettle       = "extract-rendering/settle"     // a document's bytes are to be erased, or a rendering has broken off
	TopicNotice       = "notify/events"                // an application came to where its person is to be told
	TopicIntroduction = "notify/introductions"         // an account is to be remembered by the SNILS of its person
	TopicDelivery     = "notify/deliver"               // a notice on one channel
	TopicChange       = "notify/changes"               // of a change in a record its people are to be told
	TopicBirth        = "notify/births"                // of a birth the parents are to be told
	TopicLives        = "notify/lives"                 // a death was reported or cancelled: after its person's, an account is told nothing
	TopicDates        = "insured-registry/dates"       // a date that matters to a record has come
	TopicRenewDates   = "insured-registry/dates/renew" // such dates of a partition's records may be others now
)
