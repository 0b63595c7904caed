"""The seven roles for plain Locust: `locust -f locustfile.py --host http://localhost:8015`."""

from locust import events

from perfsuite.cli.plain_locust import install_plain, read_options
from perfsuite.load.users import user_classes
from perfsuite.roles import ROLES

globals().update({user_class.__name__: user_class for user_class in user_classes(ROLES)})
events.init_command_line_parser.add_listener(read_options)  # type: ignore[no-untyped-call]
events.init.add_listener(install_plain)  # type: ignore[no-untyped-call]
