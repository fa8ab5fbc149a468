"""What the articles cite, by key."""

from __future__ import annotations

from generator.names import Paper

PAPERS = {
    paper.key: paper
    for paper in (
        Paper("lecun1998", "Yann LeCun, Léon Bottou, Yoshua Bengio and Patrick Haffner", 1998, "Gradient-Based Learning Applied to Document Recognition", venue="Proceedings of the IEEE", doi="10.1109/5.726791"),
        Paper("dumoulin2016", "Vincent Dumoulin and Francesco Visin", 2016, "A guide to convolution arithmetic for deep learning", arxiv="1603.07285"),
        Paper("howard2017", "Andrew G. Howard, Menglong Zhu, Bo Chen, Dmitry Kalenichenko, Weijun Wang, Tobias Weyand, Marco Andreetto and Hartwig Adam", 2017, "MobileNets: Efficient Convolutional Neural Networks for Mobile Vision Applications", arxiv="1704.04861"),
        Paper("araujo2019", "André Araujo, Wade Norris and Jack Sim", 2019, "Computing Receptive Fields of Convolutional Neural Networks", venue="Distill", doi="10.23915/distill.00021"),
        Paper("luo2016", "Wenjie Luo, Yujia Li, Raquel Urtasun and Richard Zemel", 2016, "Understanding the Effective Receptive Field in Deep Convolutional Neural Networks", venue="NeurIPS", arxiv="1701.04128"),
        Paper("yu2016", "Fisher Yu and Vladlen Koltun", 2016, "Multi-Scale Context Aggregation by Dilated Convolutions", venue="ICLR", arxiv="1511.07122"),
        Paper("zeiler2013", "Matthew D. Zeiler and Rob Fergus", 2013, "Visualizing and Understanding Convolutional Networks", arxiv="1311.2901"),
        Paper("lin2013", "Min Lin, Qiang Chen and Shuicheng Yan", 2013, "Network In Network", arxiv="1312.4400"),
        Paper("zhang2019", "Richard Zhang", 2019, "Making Convolutional Networks Shift-Invariant Again", venue="ICML", arxiv="1904.11486"),
        Paper("ioffe2015", "Sergey Ioffe and Christian Szegedy", 2015, "Batch Normalization: Accelerating Deep Network Training by Reducing Internal Covariate Shift", venue="ICML", arxiv="1502.03167"),
        Paper("santurkar2018", "Shibani Santurkar, Dimitris Tsipras, Andrew Ilyas and Aleksander Madry", 2018, "How Does Batch Normalization Help Optimization?", venue="NeurIPS", arxiv="1805.11604"),
        Paper("sandler2018", "Mark Sandler, Andrew Howard, Menglong Zhu, Andrey Zhmoginov and Liang-Chieh Chen", 2018, "MobileNetV2: Inverted Residuals and Linear Bottlenecks", venue="CVPR", arxiv="1801.04381"),
        Paper("hendrycks2016", "Dan Hendrycks and Kevin Gimpel", 2016, "Gaussian Error Linear Units (GELUs)", arxiv="1606.08415"),
        Paper("elfwing2017", "Stefan Elfwing, Eiji Uchibe and Kenji Doya", 2017, "Sigmoid-Weighted Linear Units for Neural Network Function Approximation in Reinforcement Learning", arxiv="1702.03118"),
        Paper("lu2019", "Lu Lu, Yeonjong Shin, Yanhui Su and George Em Karniadakis", 2019, "Dying ReLU and Initialization: Theory and Numerical Examples", arxiv="1903.06733"),
        Paper("simonyan2013", "Karen Simonyan, Andrea Vedaldi and Andrew Zisserman", 2013, "Deep Inside Convolutional Networks: Visualising Image Classification Models and Saliency Maps", arxiv="1312.6034"),
        Paper("springenberg2014", "Jost Tobias Springenberg, Alexey Dosovitskiy, Thomas Brox and Martin Riedmiller", 2014, "Striving for Simplicity: The All Convolutional Net", arxiv="1412.6806"),
        Paper("adebayo2018", "Julius Adebayo, Justin Gilmer, Michael Muelly, Ian Goodfellow, Moritz Hardt and Been Kim", 2018, "Sanity Checks for Saliency Maps", venue="NeurIPS", arxiv="1810.03292"),
        Paper("nie2018", "Weili Nie, Yang Zhang and Ankit Patel", 2018, "A Theoretical Explanation for Perplexing Behaviors of Backpropagation-based Visualizations", venue="ICML", arxiv="1805.07039"),
        Paper("zhou2015", "Bolei Zhou, Aditya Khosla, Agata Lapedriza, Aude Oliva and Antonio Torralba", 2015, "Learning Deep Features for Discriminative Localization", arxiv="1512.04150"),
        Paper("selvaraju2016", "Ramprasaath R. Selvaraju, Michael Cogswell, Abhishek Das, Ramakrishna Vedantam, Devi Parikh and Dhruv Batra", 2016, "Grad-CAM: Visual Explanations from Deep Networks via Gradient-based Localization", arxiv="1610.02391"),
        Paper("chattopadhyay2017", "Aditya Chattopadhyay, Anirban Sarkar, Prantik Howlader and Vineeth N. Balasubramanian", 2017, "Grad-CAM++: Improved Visual Explanations for Deep Convolutional Networks", arxiv="1710.11063"),
    )
}  # fmt: skip
