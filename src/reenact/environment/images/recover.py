from dataclasses import dataclass


@dataclass
class R:
    image: object


def recover(engine, recorded, files, build, lock, say):
    from ...engine.image import need_image

    return R(need_image(engine, recorded["id"]))


def saved_images(folder):
    return []
