"""Functions that authorise, as somebody might write them."""

asked = []


def nothing_called_secret(principal, action, resource):
    asked.append((principal.name, action, resource.kind, resource.name))
    return resource.name != "secrets"


async def everything(principal, action, resource):
    return True


def readers_of_all(principal, action, resource):
    return action == "read" or principal.name == "bob"


def broken(principal, action, resource):
    raise KeyError(resource.name)


def says_yes(principal, action, resource):
    return "yes"


no_function = 5
