"""The errors a user may see. Each message names the file or item, the offending value, and the way out."""


class TomopickError(Exception):
    """Something a user can understand and mend; nothing was changed when it is raised.

    Anything that is not a `TomopickError` and reaches the user is a defect of this program.
    """


class FileFormatError(TomopickError):
    """A file is damaged, is not what its name says, or lacks something that must not be guessed."""


class ModelError(TomopickError):
    """User points do not (yet) define what was asked of them: too few, no side marker, out of the volume."""


class ParameterError(TomopickError):
    """A parameter is outside the range in which the step means anything."""


class ProjectError(TomopickError):
    """The project file is held by someone else, comes from a newer version, or cannot be written."""


class Cancelled(TomopickError):
    """The user asked a running step to stop."""


class MissingExtraError(TomopickError):
    """A library that is not part of the plain installation is needed and is not there."""
