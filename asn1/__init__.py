"""BER and the TAP grammar; knows no business."""
