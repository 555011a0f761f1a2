# Code generated from the GraphQL schema by client/internal/python. DO NOT EDIT.
"""Types and operations of a satgraph service. Use satgraph_client.Client."""

from __future__ import annotations

from typing import Any, Callable, Literal, Optional, TypedDict

Execute = Callable[[str, str, dict[str, Any]], dict[str, Any]]

JobKind = Literal["BUILD", "EXPORT", "IMPORT", "MEASURE", "SEGMENT", "STANDARDIZE"]
JobStatus = Literal["CANCELLED", "DEAD", "DONE", "FAILED", "PARTIAL", "QUEUED", "REFUSED", "RUNNING"]
LabelAction = Literal["ADJUDICATE", "COMMENT", "CONFIRM", "DECIDE", "FLAG", "IMPORT", "POLICY", "REJECT", "UNDO", "UNFLAG"]
Modality = Literal["CT", "MRI", "PET"]
PlanStatus = Literal["AMBIGUOUS", "COMPOSABLE", "NOT_SEGMENTABLE", "SEGMENTABLE", "UNKNOWN"]
StructureStatus = Literal["ABSENT", "AMBIGUOUS", "CANCELLED", "FAILED", "NOT_SEGMENTABLE", "OUTSIDE_FIELD_OF_VIEW", "PENDING", "SEGMENTED", "UNKNOWN", "WRONG_MODALITY"]


class Term(TypedDict):
    """One concept of the tree of human anatomy."""

    id: str
    """The stable identifier, such as "UBERON:0000948"."""
    name: str
    """The preferred name, such as "heart"."""
    definition: Optional[str]
    """What it is, in a sentence; null if the source gives none."""


class Structure(TypedDict):
    """What became of one asked structure."""

    name: str
    """The term's name, or the text as it was asked."""
    term: Optional[Term]
    """The term; null if the text means none, or if a prompt was given directly."""
    status: StructureStatus
    """Whether it was found."""
    reason: str
    """Why not; empty if there is nothing to say."""
    volumeMl: Optional[float]
    """The volume of its mask in millilitres."""
    voxels: Optional[int]
    """The number of voxels of its mask."""
    maskUrl: Optional[str]
    """Where to download its mask: a path on this service. A .nii.gz on the scan's own grid, 1 inside, 0 outside."""
    missing: list[str]
    """Its parts that the mask leaves out."""
    touchesEdge: Optional[bool]
    """Whether it reaches the edge of the scan, so that its volume is a lower bound."""


class Job_error(TypedDict):
    """Why a job failed."""

    code: str
    """A stable code, of those in the errors' extensions."""
    message: str
    """What went wrong."""
    hint: str
    """What to do about it; may be empty."""


class Job(TypedDict):
    """A segmentation, or other long work: queued, running or ended."""

    id: str
    """Its id, for job(id:)."""
    kind: JobKind
    """What it does."""
    status: JobStatus
    """Where it stands."""
    progress: float
    """From 0 to 1."""
    done: int
    """How many units of its work are done: scans, or masks that are measured; 0 where it has no units, as a segmentation."""
    total: int
    """How many units it has; 0 where it has none, or before they are counted."""
    position: Optional[int]
    """Its place in the queue, 1 being the next; null if it does not wait."""
    query: str
    """What was asked, of a segmentation; else empty."""
    model: str
    """The name of the model; empty where none runs."""
    demo: bool
    """Whether the model is a demonstration only: never for clinical use."""
    notice: str
    """What whoever uses the results must know; may be empty."""
    warnings: list[str]
    """What was odd about the scan or the run."""
    createdAt: str
    """When it was asked for."""
    startedAt: Optional[str]
    """When it began to run; null before."""
    finishedAt: Optional[str]
    """When it ended; null before."""
    error: Optional[Job_error]
    """Why it failed or is dead, or why its last start failed; null if it did not."""
    structures: list[Structure]
    """Every asked structure, also those that cannot be segmented."""


class Mistake(TypedDict):
    """Something about a request for a segmentation that its sender can mend."""

    code: str
    """A stable code, of those in the errors' extensions: UNKNOWN_TERM, AMBIGUOUS_TERM, NOT_SEGMENTABLE, UNKNOWN_MODALITY, KEY_CONFLICT, NOT_FOUND, BAD_USER_INPUT, LIMIT_EXCEEDED."""
    message: str
    """What is wrong."""
    hint: str
    """What to do about it; may be empty."""


class Planned(TypedDict):
    """What can be done for one asked structure."""

    name: str
    """The term's name, or the text as it was asked."""
    term: Optional[Term]
    """The term; null if the text means none, or several."""
    status: PlanStatus
    """Whether it can be segmented."""
    reason: str
    """Why not, or how; empty if there is nothing to say."""
    classes: list[str]
    """The classes whose union is its mask."""
    missing: list[str]
    """Its parts that no class covers."""


class Event(TypedDict):
    """One entry of the ledger of decisions. Entries are never changed or taken away."""

    seq: float
    """Its place in the ledger, from 1."""
    id: str
    """Its id, for undoDecision."""
    dataset: str
    """The dataset's name."""
    key: str
    """The raw label's key or the recipe's class; empty for a dataset."""
    action: LabelAction
    """What it does."""
    by: str
    """Who."""
    at: str
    """When."""
    comment: str
    """Why, in the actor's words; may be empty."""


class FindTermData_children(TypedDict):
    """One concept of the tree of human anatomy."""

    children: list[Term]
    """The terms directly below it. Sorted by name."""


class FindTermData(TypedDict):
    """What find_term returns."""

    term: Optional[Term]
    """One term, by its id or by a name. A name may be a synonym; one that fits several terms equally well is an error that lists them, and an unknown one suggests others."""
    children: Optional[FindTermData_children]
    """One term, by its id or by a name. A name may be a synonym; one that fits several terms equally well is an error that lists them, and an unknown one suggests others."""


def find_term(execute: Execute, name: str, limit: int) -> FindTermData:
    return execute(  # type: ignore[return-value]
        "findTerm",
        """query findTerm($name: String!, $limit: Int!) {
  term(name: $name) {
    ...Term
  }
  children: term(name: $name) {
    children(limit: $limit) {
      ...Term
    }
  }
}
fragment Term on Term {
  id
  name
  definition
}""",
        {"name": name, "limit": limit},
    )


class SearchTermsData_search(TypedDict):
    """A term that a search found."""

    term: Term
    """The term."""


class SearchTermsData(TypedDict):
    """What search_terms returns."""

    search: list[SearchTermsData_search]
    """Terms that a text may mean, best first, each with its reasons: by name, synonym, beginnings of words, misspelt words, abbreviations (LV, IVC, T12, L5-S1), Latin, words in any order. Sides and numbers are never guessed. Nothing fits: an empty list."""


def search_terms(execute: Execute, text: str, limit: int) -> SearchTermsData:
    return execute(  # type: ignore[return-value]
        "searchTerms",
        """query searchTerms($text: String!, $limit: Int!) {
  search(text: $text, limit: $limit) {
    term {
      ...Term
    }
  }
}
fragment Term on Term {
  id
  name
  definition
}""",
        {"text": text, "limit": limit},
    )


class ResolveQuestionData_resolve(TypedDict):
    """The answer to a query: what can be segmented, with which prompts, and what cannot and why."""

    terms: list[Planned]
    """Every asked structure, in anatomical order."""


class ResolveQuestionData(TypedDict):
    """What resolve_question returns."""

    resolve: Optional[ResolveQuestionData_resolve]
    """What can be segmented for a query, whatever the models at hand: for every asked structure its status, the class prompts to call, what is missing and why. Nothing is run."""


def resolve_question(execute: Execute, question: str, modality: Modality) -> ResolveQuestionData:
    return execute(  # type: ignore[return-value]
        "resolveQuestion",
        """query resolveQuestion($question: String!, $modality: Modality!) {
  resolve(query: $question, modality: $modality) {
    terms {
      ...Planned
    }
  }
}
fragment Planned on PlannedTerm {
  name
  term {
    ...Term
  }
  status
  reason
  classes
  missing
}
fragment Term on Term {
  id
  name
  definition
}""",
        {"question": question, "modality": modality},
    )


class SegmentChildrenData_segmentChildren(TypedDict):
    """A segmentation that was asked for. Ask job(id:) again until its status is final. A mistake of who asks is in mistake where that is asked for, and else an error."""

    job: Optional[Job]
    """The job; null where a mistake kept it from being made."""
    mistake: Optional[Mistake]
    """What is wrong with the request; null where nothing is. Where nothing can be segmented, there is a job too: it is refused, and its structures say why."""


class SegmentChildrenData(TypedDict):
    """What segment_children returns."""

    segmentChildren: Optional[SegmentChildrenData_segmentChildren]
    """Segments the children of a term in a scan: segment(query: "children of …"), and where relation or depth is given, what lies below it by these. Findings, such as tumours, are asked for by relation: LOCATED_IN."""


def segment_children(execute: Execute, of: str, image: str, modality: Optional[Modality] = None) -> SegmentChildrenData:
    return execute(  # type: ignore[return-value]
        "segmentChildren",
        """mutation segmentChildren($of: String!, $image: ID!, $modality: Modality) {
  segmentChildren(of: $of, image: $image, modality: $modality) {
    job {
      ...Job
    }
    mistake {
      ...Mistake
    }
  }
}
fragment Job on Job {
  id
  kind
  status
  progress
  done
  total
  position
  query
  model
  demo
  notice
  warnings
  createdAt
  startedAt
  finishedAt
  error {
    code
    message
    hint
  }
  structures {
    ...Structure
  }
}
fragment Mistake on SegmentMistake {
  code
  message
  hint
}
fragment Structure on Structure {
  name
  term {
    ...Term
  }
  status
  reason
  volumeMl
  voxels
  maskUrl
  missing
  touchesEdge
}
fragment Term on Term {
  id
  name
  definition
}""",
        {"of": of, "image": image, "modality": modality},
    )


class SegmentQuestionData_segment(TypedDict):
    """A segmentation that was asked for. Ask job(id:) again until its status is final. A mistake of who asks is in mistake where that is asked for, and else an error."""

    job: Optional[Job]
    """The job; null where a mistake kept it from being made."""
    mistake: Optional[Mistake]
    """What is wrong with the request; null where nothing is. Where nothing can be segmented, there is a job too: it is refused, and its structures say why."""


class SegmentQuestionData(TypedDict):
    """What segment_question returns."""

    segment: Optional[SegmentQuestionData_segment]
    """Segments structures in a scan: those that a query means, or those of class prompts given directly."""


def segment_question(execute: Execute, question: str, image: str, modality: Optional[Modality] = None) -> SegmentQuestionData:
    return execute(  # type: ignore[return-value]
        "segmentQuestion",
        """mutation segmentQuestion($question: String!, $image: ID!, $modality: Modality) {
  segment(query: $question, image: $image, modality: $modality) {
    job {
      ...Job
    }
    mistake {
      ...Mistake
    }
  }
}
fragment Job on Job {
  id
  kind
  status
  progress
  done
  total
  position
  query
  model
  demo
  notice
  warnings
  createdAt
  startedAt
  finishedAt
  error {
    code
    message
    hint
  }
  structures {
    ...Structure
  }
}
fragment Mistake on SegmentMistake {
  code
  message
  hint
}
fragment Structure on Structure {
  name
  term {
    ...Term
  }
  status
  reason
  volumeMl
  voxels
  maskUrl
  missing
  touchesEdge
}
fragment Term on Term {
  id
  name
  definition
}""",
        {"question": question, "image": image, "modality": modality},
    )


class GetJobData(TypedDict):
    """What get_job returns."""

    job: Optional[Job]
    """A job as it stands now."""


def get_job(execute: Execute, id: str) -> GetJobData:
    return execute(  # type: ignore[return-value]
        "getJob",
        """query getJob($id: ID!) {
  job(id: $id) {
    ...Job
  }
}
fragment Job on Job {
  id
  kind
  status
  progress
  done
  total
  position
  query
  model
  demo
  notice
  warnings
  createdAt
  startedAt
  finishedAt
  error {
    code
    message
    hint
  }
  structures {
    ...Structure
  }
}
fragment Structure on Structure {
  name
  term {
    ...Term
  }
  status
  reason
  volumeMl
  voxels
  maskUrl
  missing
  touchesEdge
}
fragment Term on Term {
  id
  name
  definition
}""",
        {"id": id},
    )


class CancelJobData_cancelJob(TypedDict):
    """A job that was told to stop."""

    job: Job
    """The job."""


class CancelJobData(TypedDict):
    """What cancel_job returns."""

    cancelJob: Optional[CancelJobData_cancelJob]
    """Stops a job. Structures that it has found already are kept."""


def cancel_job(execute: Execute, id: str) -> CancelJobData:
    return execute(  # type: ignore[return-value]
        "cancelJob",
        """mutation cancelJob($id: ID!) {
  cancelJob(id: $id) {
    job {
      ...Job
    }
  }
}
fragment Job on Job {
  id
  kind
  status
  progress
  done
  total
  position
  query
  model
  demo
  notice
  warnings
  createdAt
  startedAt
  finishedAt
  error {
    code
    message
    hint
  }
  structures {
    ...Structure
  }
}
fragment Structure on Structure {
  name
  term {
    ...Term
  }
  status
  reason
  volumeMl
  voxels
  maskUrl
  missing
  touchesEdge
}
fragment Term on Term {
  id
  name
  definition
}""",
        {"id": id},
    )


class ListJobsData_jobs_pageInfo(TypedDict):
    """Where a page lies in its list."""

    hasNextPage: bool
    """Whether there is more after it."""
    endCursor: Optional[str]
    """The cursor of its last item; null for an empty page."""


class ListJobsData_jobs(TypedDict):
    """A page of jobs."""

    totalCount: Optional[int]
    """How many the whole list has; null where only reading all of it would tell."""
    pageInfo: ListJobsData_jobs_pageInfo
    """Where the page lies."""
    nodes: list[Job]
    """The items alone."""


class ListJobsData(TypedDict):
    """What list_jobs returns."""

    jobs: ListJobsData_jobs
    """Your jobs, the latest first; an administrator's are everybody's."""


def list_jobs(execute: Execute, first: int, after: Optional[str] = None, states: Optional[list[JobStatus]] = None, kinds: Optional[list[JobKind]] = None, mine: Optional[bool] = None) -> ListJobsData:
    return execute(  # type: ignore[return-value]
        "listJobs",
        """query listJobs($first: Int!, $after: String, $states: [JobStatus!], $kinds: [JobKind!], $mine: Boolean) {
  jobs(first: $first, after: $after, state: $states, kind: $kinds, mine: $mine) {
    totalCount
    pageInfo {
      hasNextPage
      endCursor
    }
    nodes {
      ...Job
    }
  }
}
fragment Job on Job {
  id
  kind
  status
  progress
  done
  total
  position
  query
  model
  demo
  notice
  warnings
  createdAt
  startedAt
  finishedAt
  error {
    code
    message
    hint
  }
  structures {
    ...Structure
  }
}
fragment Structure on Structure {
  name
  term {
    ...Term
  }
  status
  reason
  volumeMl
  voxels
  maskUrl
  missing
  touchesEdge
}
fragment Term on Term {
  id
  name
  definition
}""",
        {"first": first, "after": after, "states": states, "kinds": kinds, "mine": mine},
    )


class RetryJobData_retryJob_mistake(TypedDict):
    """Something about a request for a job that its sender can mend."""

    code: str
    """A stable code, of those in the errors' extensions."""
    message: str
    """What is wrong."""
    hint: str
    """What to do about it; may be empty."""


class RetryJobData_retryJob(TypedDict):
    """A job that was asked for: job(id:) and jobChanges(id:) tell how far it is. A mistake of who asks is in mistake where that is asked for, and else an error."""

    job: Optional[Job]
    """The job; null where a mistake kept it from being made."""
    mistake: Optional[RetryJobData_retryJob_mistake]
    """What is wrong with the request; null where nothing is."""


class RetryJobData(TypedDict):
    """What retry_job returns."""

    retryJob: RetryJobData_retryJob
    """Queues a job again that failed, was given up or was cancelled. It keeps its id, and goes on from what is there."""


def retry_job(execute: Execute, id: str) -> RetryJobData:
    return execute(  # type: ignore[return-value]
        "retryJob",
        """mutation retryJob($id: ID!) {
  retryJob(id: $id) {
    job {
      ...Job
    }
    mistake {
      code
      message
      hint
    }
  }
}
fragment Job on Job {
  id
  kind
  status
  progress
  done
  total
  position
  query
  model
  demo
  notice
  warnings
  createdAt
  startedAt
  finishedAt
  error {
    code
    message
    hint
  }
  structures {
    ...Structure
  }
}
fragment Structure on Structure {
  name
  term {
    ...Term
  }
  status
  reason
  volumeMl
  voxels
  maskUrl
  missing
  touchesEdge
}
fragment Term on Term {
  id
  name
  definition
}""",
        {"id": id},
    )
