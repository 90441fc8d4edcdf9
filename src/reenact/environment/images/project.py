def project_image(engine, root):
    from ...engine.image import need_image

    return need_image(engine, "devbase:t3")


def build_record(image):
    return None
